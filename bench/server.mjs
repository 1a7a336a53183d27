// One process that serves one subject on one store; tells its port and, when asked, the processor time it has used.
import { createServer } from 'node:http'
import { SUBJECTS } from './subjects.mjs'

const [name, url] = process.argv.slice(2)
const listener = await SUBJECTS[name](url)
const server = createServer(listener)
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
process.on('SIGINT', () => process.exit())
process.on('message', () => process.send({ cpu: process.cpuUsage() }))
