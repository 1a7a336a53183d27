import { FIRST_PAGE, type Page } from './store.ts'

/**
 * What is read a page at a time, in the order of the ids, until a page is not full. So only one page is in memory, and
 * nothing comes twice.
 */
export async function* pages<T extends { readonly id: string }>(
  read: (page: Page) => Promise<T[]>,
  first: Page = FIRST_PAGE,
): AsyncGenerator<T[], void> {
  for (let page: Page = { reading: {}, ...first }; ; ) {
    const found = await read(page)
    yield found
    if (found.length < page.limit) return
    page = { ...page, after: found.at(-1)!.id }
  }
}
