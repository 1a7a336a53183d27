import { MAX_PADDING } from '../../algebra/index.ts'
import { REFUSED } from './client.ts'

/** Data that may be stored compressed or elsewhere, unpacked once instead of at every use. */
export function flat(data: string): string {
  return `${data} || '{}'`
}

/**
 * Whether flat data are not larger than this, as text. Printing them is left out where even thirty-two times their bytes
 * are fewer: a control character of one byte is printed as six, and 5e-324 of sixteen as 326.
 */
export function fits(data: string, bytes: string): string {
  return `(pg_column_size(${data}) <= ${bytes} / 32 OR octet_length(${data}::text) <= ${bytes})`
}

/**
 * The function that applies a compiled chain to a session's data: the oracle, in the database. Its name carries its
 * version, so that applications of two versions can share a database while one replaces the other.
 *
 * jsonb has operators for most of this, but with other meanings: `jsonb_set` does nothing where a parent is missing,
 * `#>` counts negative indexes from the end, `-` takes a name for an element, and a number is a decimal, not a double.
 * So the path is walked here, and `nodes` keeps what stands above each key. `extra_float_digits` keeps every digit of a
 * double, whatever the role's own setting is.
 */
export function functionSql(name: string): string {
  return `CREATE OR REPLACE FUNCTION ${name}(data jsonb, chain jsonb, now_ms bigint, max_bytes integer)
RETURNS jsonb LANGUAGE plpgsql IMMUTABLE SET extra_float_digits = 1 AS $function$
DECLARE
  bytes integer;
  command jsonb;
  kind text;
  argument jsonb;
  keys jsonb;
  depth integer;
  key text;
  index integer;
  nodes jsonb[];
  node jsonb;
  old jsonb;
  new jsonb;
  moved jsonb;
  wrong text;
  a float8;
  b float8;
  creates boolean;
BEGIN
  data := ${flat('data')};
  IF NOT ${fits('data', 'max_bytes')} THEN
    bytes := octet_length(data::text);
  END IF;

  FOR i IN 0 .. jsonb_array_length(chain -> 0) - 1 LOOP
    keys := chain -> 0 -> i -> 0;
    node := data;
    FOR k IN 0 .. jsonb_array_length(keys) - 1 LOOP
      key := keys ->> k;
      node := CASE
        WHEN jsonb_typeof(node) = 'object' AND NOT node ? '$date' THEN node -> key
        WHEN jsonb_typeof(node) = 'array' AND key ~ '^(0|[1-9][0-9]{0,8})$' THEN node -> key::integer
      END;
    END LOOP;
    IF node IS DISTINCT FROM chain -> 0 -> i -> 1 THEN
      RAISE EXCEPTION USING ERRCODE = '${REFUSED}', MESSAGE = 'the condition does not hold', DETAIL =
        jsonb_build_object('kind', 'condition', 'index', i);
    END IF;
  END LOOP;

  <<commands>>
  FOR i IN 0 .. jsonb_array_length(chain -> 1) - 1 LOOP
    command := chain -> 1 -> i;
    kind := command ->> 0;
    keys := command -> 1;
    argument := command -> 2;
    wrong := NULL;
    moved := NULL;

    IF kind = 'rename' THEN
      -- Its first half: the value is taken from where it is. The second half is a set.
      nodes := ARRAY[]::jsonb[];
      node := data;
      FOR k IN 0 .. jsonb_array_length(keys) - 1 LOOP
        IF jsonb_typeof(node) = 'array' THEN
          wrong := 'element';
        END IF;
        nodes := nodes || node;
        node := CASE
          WHEN jsonb_typeof(node) = 'object' AND NOT node ? '$date' THEN node -> (keys ->> k)
          WHEN jsonb_typeof(node) = 'array' AND keys ->> k ~ '^(0|[1-9][0-9]{0,8})$' THEN node -> (keys ->> k)::integer
        END;
      END LOOP;
      CONTINUE commands WHEN node IS NULL;
      moved := node;
      node := data;
      FOR k IN 0 .. jsonb_array_length(argument) - 1 LOOP
        IF jsonb_typeof(node) = 'array' THEN
          wrong := 'element';
        END IF;
        node := CASE WHEN jsonb_typeof(node) = 'object' AND NOT node ? '$date' THEN node -> (argument ->> k) END;
      END LOOP;
      IF wrong IS NULL THEN
        depth := jsonb_array_length(keys);
        new := nodes[depth] - (keys ->> (depth - 1));
        FOR k IN REVERSE depth - 1 .. 1 LOOP
          new := nodes[k] || jsonb_build_object(keys ->> (k - 1), new);
        END LOOP;
        data := new;
        keys := argument;
      END IF;
    END IF;

    depth := jsonb_array_length(keys);
    creates := kind IN ('set', 'inc', 'mul', 'min', 'max', 'push', 'addToSet', 'currentDate', 'rename');
    nodes := ARRAY[]::jsonb[];
    node := data;
    FOR k IN 0 .. depth - 1 LOOP
      EXIT WHEN wrong IS NOT NULL;
      key := keys ->> k;
      nodes := nodes || node;
      IF node IS NULL THEN
        CONTINUE;
      ELSIF jsonb_typeof(node) = 'object' AND NOT node ? '$date' THEN
        node := node -> key;
      ELSIF jsonb_typeof(node) = 'array' AND key ~ '^(0|[1-9][0-9]{0,8})$' THEN
        IF creates AND key::integer > jsonb_array_length(node) + ${MAX_PADDING} THEN
          wrong := 'a list that ends far before this index';
        END IF;
        node := node -> key::integer;
      ELSIF creates THEN
        wrong := CASE jsonb_typeof(node) WHEN 'array' THEN 'list' WHEN 'object' THEN 'date' ELSE jsonb_typeof(node) END;
      ELSE
        node := NULL;
      END IF;
    END LOOP;
    old := node;
    CONTINUE commands WHEN old IS NULL AND NOT creates AND wrong IS NULL;

    IF wrong IS NULL THEN
      CASE kind
        WHEN 'set' THEN
          new := argument;
        WHEN 'rename' THEN
          new := moved;
        WHEN 'unset' THEN
          new := NULL;
        WHEN 'currentDate' THEN
          new := jsonb_build_object('$date', now_ms);
        WHEN 'inc', 'mul' THEN
          IF old IS NOT NULL AND jsonb_typeof(old) <> 'number' THEN
            wrong := jsonb_typeof(old);
          ELSE
            a := coalesce((old #>> '{}')::float8, 0);
            b := (argument #>> '{}')::float8;
            IF kind = 'inc' AND abs(a) < 1e300 AND abs(b) < 1e300 THEN
              new := to_jsonb(a + b);
            ELSIF kind = 'mul' AND (a = 0 OR b = 0) THEN
              new := '0';
            ELSIF kind = 'mul' AND abs(a) BETWEEN 1e-150 AND 1e150 AND abs(b) BETWEEN 1e-150 AND 1e150 THEN
              new := to_jsonb(a * b);
            ELSE
              BEGIN
                new := to_jsonb(CASE kind WHEN 'inc' THEN a + b ELSE a * b END);
              EXCEPTION WHEN numeric_value_out_of_range THEN
                -- PostgreSQL raises an error where JavaScript gives Infinity, and also where it gives 0.
                IF kind = 'mul' AND ln(abs(a)) + ln(abs(b)) < 0 THEN
                  new := '0';
                ELSE
                  wrong := 'a result that is no finite number';
                END IF;
              END;
            END IF;
          END IF;
        WHEN 'min', 'max' THEN
          IF old IS NULL THEN
            new := argument;
          ELSIF jsonb_typeof(argument) = 'number' AND jsonb_typeof(old) = 'number' THEN
            new := CASE WHEN kind = 'min' THEN least(old, argument) ELSE greatest(old, argument) END;
          ELSIF argument ? '$date' AND jsonb_typeof(old) = 'object' AND old ? '$date' THEN
            new := jsonb_build_object('$date',
              CASE WHEN kind = 'min' THEN least(old -> '$date', argument -> '$date') ELSE greatest(old -> '$date', argument -> '$date') END);
          ELSE
            wrong := jsonb_typeof(old);
          END IF;
        WHEN 'push', 'addToSet', 'pullAll', 'pullFields', 'pop' THEN
          IF old IS NULL THEN
            old := '[]';
          END IF;
          IF jsonb_typeof(old) <> 'array' THEN
            wrong := jsonb_typeof(old);
          ELSIF kind = 'push' THEN
            new := old || argument;
            index := (command -> 3)::integer;
            IF index < 0 AND jsonb_array_length(new) > -index THEN
              new := (SELECT jsonb_agg(x ORDER BY n) FROM jsonb_array_elements(new) WITH ORDINALITY AS t(x, n) WHERE n > jsonb_array_length(new) + index);
            ELSIF index >= 0 AND jsonb_array_length(new) > index THEN
              new := (SELECT coalesce(jsonb_agg(x ORDER BY n), '[]') FROM jsonb_array_elements(new) WITH ORDINALITY AS t(x, n) WHERE n <= index);
            END IF;
          ELSIF kind = 'addToSet' THEN
            new := old;
            FOR k IN 0 .. jsonb_array_length(argument) - 1 LOOP
              IF NOT EXISTS (SELECT FROM jsonb_array_elements(new) AS t(x) WHERE x = argument -> k) THEN
                new := new || jsonb_build_array(argument -> k);
              END IF;
            END LOOP;
          ELSIF kind = 'pullAll' THEN
            new := (SELECT coalesce(jsonb_agg(x ORDER BY n), '[]') FROM jsonb_array_elements(old) WITH ORDINALITY AS t(x, n)
              WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(argument) AS u(y) WHERE y = x));
          ELSIF kind = 'pullFields' THEN
            new := (SELECT coalesce(jsonb_agg(x ORDER BY n), '[]') FROM jsonb_array_elements(old) WITH ORDINALITY AS t(x, n)
              WHERE jsonb_typeof(x) <> 'object' OR x ? '$date'
                OR EXISTS (SELECT FROM jsonb_each(argument) AS f WHERE x -> f.key IS DISTINCT FROM f.value));
          ELSE
            new := old - CASE WHEN argument = '1' THEN jsonb_array_length(old) - 1 ELSE 0 END;
          END IF;
      END CASE;
    END IF;

    IF wrong IS NOT NULL THEN
      wrong := CASE
        WHEN wrong = 'array' THEN 'list'
        WHEN wrong = 'object' AND old ? '$date' THEN 'date'
        ELSE wrong
      END;
      RAISE EXCEPTION USING ERRCODE = '${REFUSED}', MESSAGE = 'the command does not work on this value', DETAIL =
        jsonb_build_object('kind', 'type', 'index', i, 'found', wrong);
    END IF;

    FOR k IN REVERSE depth .. 1 LOOP
      key := keys ->> (k - 1);
      node := nodes[k];
      IF node IS NULL THEN
        new := jsonb_build_object(key, new);
      ELSIF jsonb_typeof(node) = 'object' THEN
        new := CASE WHEN new IS NULL THEN node - key ELSE node || jsonb_build_object(key, new) END;
      ELSE
        -- MongoDB's $unset leaves null in a list, and an index past its end pads it with null.
        index := key::integer;
        FOR gap IN jsonb_array_length(node) .. index - 1 LOOP
          node := node || 'null'::jsonb;
        END LOOP;
        new := coalesce(new, 'null');
        new := CASE WHEN index < jsonb_array_length(node) THEN jsonb_set(node, ARRAY[key], new) ELSE node || jsonb_build_array(new) END;
      END IF;
    END LOOP;
    data := new;
  END LOOP;

  IF bytes > max_bytes THEN
    RAISE EXCEPTION USING ERRCODE = '${REFUSED}', MESSAGE = 'the session is too large to grow', DETAIL =
      jsonb_build_object('kind', 'size', 'bytes', bytes, 'limit', max_bytes);
  END IF;
  RETURN data;
END
$function$`
}
