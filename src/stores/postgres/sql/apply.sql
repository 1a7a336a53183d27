CREATE OR REPLACE FUNCTION APPLY(data jsonb, chain jsonb, now_ms bigint, max_bytes integer) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE SET extra_float_digits = 1 AS $function$
-- Applies a chain to a session's data: the oracle (src/algebra/apply.ts), in the database. Its name carries its version, so
-- applications of two versions can share a database while one replaces the other. It begins on the first line of this
-- file, so line 57 of the function in a message of the server is line 57 of this file.
--
-- In:  data       what the session holds
--      chain      [conditions, commands], as ../compile.ts writes them: a condition is [path, value] or [path], a command is
--                 [index, name, path, ...arguments]. Commands are sorted by their paths: those into one value stand together,
--                 and in a list the lower index comes first
--      now_ms     the time that currentDate writes
--      max_bytes  data of more bytes than this must not grow; null if the chain can't make them grow
-- Out: the data after the chain. If it can't be applied, an error with SQLSTATE REFUSED whose detail is JSON, see
--      problemOf in ../answers.ts.
--
-- jsonb has operators for most of this, but they mean something else: `jsonb_set` does nothing if a parent is missing,
-- `#>` counts negative indexes from the end, `-` takes a name for an element, and a number is a decimal, not a double. So
-- the path is walked here. `extra_float_digits` keeps every digit of a double, whatever the role's own setting is.
--
-- The work is linear in the data and the chain. What a path leads into is opened once and closed once, when no further path
-- leads into it: level 0 is the data, `opened[n]` is the key that leads from level n - 1 to level n, `nodes[n]` is what
-- stands there, null where nothing does yet. `names` and `results` hold what is to be written into the open values: those
-- of level n begin after `bases[n]`, and a result that is null removes. Values are compared by sorting, not each with each.
--
-- @takes APPLY
-- @as-written
-- @from ../client.ts REFUSED
-- @from ../../../algebra/index.ts MAX_PADDING
DECLARE
  before jsonb;
  bytes integer;
  command jsonb;
  kind text;
  argument jsonb;
  keys jsonb;
  key text;
  place text;
  last integer;
  same integer;
  level integer := 0;
  nodes jsonb[];
  opened text[];
  bases integer[];
  names text[];
  results jsonb[];
  top integer := 0;
  length integer;
  node jsonb;
  old jsonb;
  new jsonb;
  wrong text;
  failed integer;
  reason text;
  a float8;
  b float8;
  creates boolean;
BEGIN
  -- Data that may be stored compressed or elsewhere are unpacked once, instead of at every use.
  data := data || '{}';
  before := data;
  nodes[0] := data;
  bases[0] := 0;
  -- As in fits.sql.
  IF NOT (pg_column_size(data) <= max_bytes / 32 OR octet_length(data::text) <= max_bytes) THEN
    bytes := octet_length(data::text);
  END IF;

  last := 0;
  FOR command IN SELECT x FROM jsonb_array_elements(chain -> 0) AS t(x) LOOP
    keys := command -> 0;
    -- `#>` copies only what it finds. In a list it takes more for an index than the oracle does: '-1', '03', ' 3'. So
    -- such a key is looked at step by step, by jsonpath, which copies nothing on its way either.
    IF keys::text ~ '"([\s\\+-]|0[0-9])' THEN
      place := 'strict $';
      FOR k IN 0 .. jsonb_array_length(keys) - 1 LOOP
        key := keys ->> k;
        place := place || CASE jsonb_path_query_first(data, (place || '.type()')::jsonpath, '{}', true) #>> '{}'
          WHEN 'object' THEN '.' || to_json(key)
          WHEN 'array' THEN '[' || substring(key FROM '^(?:0|[1-9][0-9]{0,8})$') || ']'
        END;
      END LOOP;
      node := jsonb_path_query_first(data, place::jsonpath, '{}', true);
    ELSE
      node := data #> ARRAY(SELECT jsonb_array_elements_text(keys));
    END IF;
    IF node IS DISTINCT FROM command -> 1 THEN
      RAISE EXCEPTION USING ERRCODE = 'REFUSED', MESSAGE = 'the condition does not hold', DETAIL =
        jsonb_build_object('kind', 'condition', 'index', last);
    END IF;
    last := last + 1;
  END LOOP;

  <<commands>>
  -- The null at the end closes everything.
  FOR command IN SELECT x FROM jsonb_array_elements((chain -> 1) || '[null]') AS t(x) LOOP
    keys := command -> 2;
    last := coalesce(jsonb_array_length(keys), 0) - 1;

    -- What this path does not lead into is closed.
    same := 0;
    WHILE same < level AND same < last AND opened[same + 1] = keys ->> same LOOP
      same := same + 1;
    END LOOP;
    FOR closing IN REVERSE level .. CASE WHEN last < 0 THEN 0 ELSE same + 1 END LOOP
      IF top > bases[closing] THEN
        node := nodes[closing];
        IF jsonb_typeof(node) = 'array' THEN
          -- MongoDB's $unset leaves null in a list, and an index past its end pads it with null.
          length := names[top]::integer + 1 - jsonb_array_length(node);
          IF length > 0 THEN
            node := node || ('[' || repeat('null,', length - 1) || 'null]')::jsonb;
          END IF;
          node := CASE WHEN top - bases[closing] = 1
            THEN jsonb_set(node, ARRAY[names[top]], coalesce(results[top], 'null'))
            ELSE (SELECT jsonb_agg(CASE WHEN n IS NULL THEN x ELSE coalesce(results[n], 'null') END ORDER BY i)
              FROM jsonb_array_elements(node) WITH ORDINALITY AS t(x, i)
              LEFT JOIN generate_series(bases[closing] + 1, top) AS n ON names[n]::bigint + 1 = i)
          END;
        ELSIF top - bases[closing] = 1 THEN
          node := CASE WHEN results[top] IS NULL
            THEN node - names[top]
            ELSE coalesce(node, '{}') || jsonb_build_object(names[top], results[top])
          END;
        ELSE
          node := (SELECT (coalesce(node, '{}') - coalesce(array_agg(names[n]) FILTER (WHERE results[n] IS NULL), '{}'))
              || coalesce(jsonb_object_agg(names[n], results[n]) FILTER (WHERE results[n] IS NOT NULL), '{}')
            FROM generate_series(bases[closing] + 1, top) AS n);
        END IF;
        top := bases[closing];
        IF closing = 0 THEN
          data := node;
        ELSE
          top := top + 1;
          names[top] := opened[closing];
          results[top] := node;
        END IF;
      END IF;
    END LOOP;
    EXIT commands WHEN last < 0;
    level := same;

    kind := command ->> 1;
    argument := command -> 3;
    creates := kind IN ('set', 'inc', 'mul', 'min', 'max', 'push', 'addToSet', 'currentDate', 'rename');
    wrong := NULL;

    IF kind = 'rename' THEN
      -- Its second half: an unset of its own removes the value from where it was. No other command touches it.
      IF argument::text ~ '"\s*[+-]?[0-9]+"' THEN
        node := before;
        FOR k IN 0 .. jsonb_array_length(argument) - 1 LOOP
          key := argument ->> k;
          IF jsonb_typeof(node) = 'array' THEN
            wrong := 'element';
          END IF;
          node := CASE
            WHEN jsonb_typeof(node) = 'object' AND NOT node ? '$date' THEN node -> key
            WHEN jsonb_typeof(node) = 'array' AND key ~ '^(0|[1-9][0-9]{0,8})$' THEN node -> key::integer
          END;
        END LOOP;
      ELSE
        node := before #> ARRAY(SELECT jsonb_array_elements_text(argument));
      END IF;
      CONTINUE commands WHEN node IS NULL;
      argument := node;
    END IF;

    -- What this path leads into is opened. What is open already may be a list, too.
    IF kind = 'rename' THEN
      FOR k IN 0 .. level - 1 LOOP
        IF jsonb_typeof(nodes[k]) = 'array' THEN
          wrong := 'element';
        END IF;
      END LOOP;
    END IF;
    node := nodes[level];
    FOR k IN level .. last LOOP
      EXIT WHEN wrong IS NOT NULL;
      key := keys ->> k;
      IF node IS NULL THEN
        NULL;
      ELSIF jsonb_typeof(node) = 'object' AND NOT node ? '$date' THEN
        node := node -> key;
      ELSIF kind = 'rename' AND jsonb_typeof(node) = 'array' THEN
        wrong := 'element';
      ELSIF jsonb_typeof(node) = 'array' AND key ~ '^(0|[1-9][0-9]{0,8})$' THEN
        -- The highest index that is to be written is the last one.
        length := greatest(jsonb_array_length(node), CASE WHEN top > bases[level] THEN names[top]::integer + 1 END);
        IF creates AND key::integer > length + MAX_PADDING THEN
          wrong := 'a list that ends far before this index';
        END IF;
        node := node -> key::integer;
      ELSIF creates THEN
        wrong := CASE jsonb_typeof(node) WHEN 'array' THEN 'list' WHEN 'object' THEN 'date' ELSE jsonb_typeof(node) END;
      ELSE
        node := NULL;
      END IF;
      EXIT WHEN node IS NULL AND NOT creates;
      IF k < last AND wrong IS NULL THEN
        level := level + 1;
        opened[level] := key;
        nodes[level] := node;
        bases[level] := top;
      END IF;
    END LOOP;
    old := node;
    CONTINUE commands WHEN old IS NULL AND NOT creates AND wrong IS NULL;

    IF wrong IS NULL THEN
      CASE kind
        WHEN 'set', 'rename' THEN
          new := argument;
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
            length := (command -> 4)::integer;
            IF length < 0 AND jsonb_array_length(new) > -length THEN
              new := (SELECT jsonb_agg(x ORDER BY n) FROM jsonb_array_elements(new) WITH ORDINALITY AS t(x, n) WHERE n > jsonb_array_length(new) + length);
            ELSIF length >= 0 AND jsonb_array_length(new) > length THEN
              new := (SELECT coalesce(jsonb_agg(x ORDER BY n), '[]') FROM jsonb_array_elements(new) WITH ORDINALITY AS t(x, n) WHERE n <= length);
            END IF;
          ELSIF kind = 'addToSet' THEN
            new := old || (SELECT coalesce(jsonb_agg(x ORDER BY n), '[]') FROM (
              SELECT x, n, row_number() OVER (PARTITION BY x ORDER BY n) AS turn FROM (
                SELECT x, 0 AS n FROM jsonb_array_elements(old) AS t(x)
                UNION ALL SELECT x, n FROM jsonb_array_elements(argument) WITH ORDINALITY AS t(x, n)) AS both_lists) AS turns
              WHERE turn = 1 AND n > 0);
          ELSIF kind = 'pullAll' THEN
            new := (SELECT coalesce(jsonb_agg(x ORDER BY n), '[]') FROM (
              SELECT x, n, min(n) OVER (PARTITION BY x) AS first FROM (
                SELECT x, 0 AS n FROM jsonb_array_elements(argument) AS t(x)
                UNION ALL SELECT x, n FROM jsonb_array_elements(old) WITH ORDINALITY AS t(x, n)) AS both_lists) AS turns
              WHERE first > 0);
          ELSIF kind = 'pullFields' THEN
            -- The first field that is missing or different ends the comparison, so no element takes longer than itself.
            new := (SELECT coalesce(jsonb_agg(x ORDER BY n), '[]') FROM jsonb_array_elements(old) WITH ORDINALITY AS t(x, n)
              WHERE jsonb_typeof(x) <> 'object' OR x ? '$date'
                OR EXISTS (SELECT FROM jsonb_each(argument) AS f WHERE x -> f.key IS DISTINCT FROM f.value));
          ELSE
            new := old - CASE WHEN argument = '1' THEN jsonb_array_length(old) - 1 ELSE 0 END;
          END IF;
      END CASE;
    END IF;

    IF wrong IS NOT NULL THEN
      -- Of several that fail, the one that was written first is told.
      IF failed IS NULL OR (command -> 0)::integer < failed THEN
        failed := (command -> 0)::integer;
        reason := CASE
          WHEN wrong = 'array' THEN 'list'
          WHEN wrong = 'object' AND old ? '$date' THEN 'date'
          ELSE wrong
        END;
      END IF;
      CONTINUE commands;
    END IF;

    top := top + 1;
    names[top] := keys ->> last;
    results[top] := new;
  END LOOP;

  IF failed IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'REFUSED', MESSAGE = 'the command does not work on this value', DETAIL =
      jsonb_build_object('kind', 'type', 'index', failed, 'found', reason);
  END IF;
  IF bytes > max_bytes THEN
    RAISE EXCEPTION USING ERRCODE = 'REFUSED', MESSAGE = 'the session is too large to grow', DETAIL =
      jsonb_build_object('kind', 'size', 'bytes', bytes, 'limit', max_bytes);
  END IF;
  RETURN data;
END
$function$;
