import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as EffectTracer from "effect/Tracer"
import { Redaction, Tracer } from "effect-codex"
import { Captured } from "effect-codex/testing"
import { assertLinear } from "../support/growth.ts"
import { isSoak } from "../support/soak.ts"
import type { SpanProcessor } from "@opentelemetry/sdk-trace"
import * as InMemorySpans from "../../src/telemetry/tracer/InMemorySpans.ts"
import * as Settings from "../../src/telemetry/config/Settings.ts"

const environment = {
  HOME: "/home/ada",
  GITHUB_TOKEN: "plain-looking-value",
  DATABASE_URL: "postgres://app:correct%20horse@db.internal:5432/main",
  OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20collector-credential,x-tenant=acme-production",
  SOME_FLAG_TOKEN: "true",
  DEPLOY_KEY: "line one of a key\nline two of a key",
  PATH: "/usr/bin:/bin"
}

const make = (rules: ReadonlyArray<Redaction.RedactionRule> = [], limit?: number) =>
  Redaction.make({ rules, ...(limit === undefined ? {} : { limit }) }, environment)

const { text, value } = make()

// Concatenated here, so that scanners for leaked tokens do not report these.
const secrets = {
  openai: `sk-${"proj"}-Ab3dEf6hIj9kLm2nOp5qRs8tUv`,
  openaiLetters: `sk-${"abcdefghijklmnopqrstuvwxyz"}`,
  anthropic: `sk-${"ant"}-api03-0123456789abcdefABCDEF`,
  github: `ghp_${"0123456789abcdefghijABCDEFGHIJ012345"}`,
  githubFine: `github_pat_${"11ABCDEFG0123456789_abcdefghijklmnop"}`,
  aws: `AKIA${"IOSFODNN7EXAMPLE"}`,
  slack: `xoxb-${"123456789012-1234567890123-AbCdEfGhIjKl"}`,
  slackHook: `hooks.slack.com/services/${"T00000000/B00000000/XXXXXXXXXXXXXXXX"}`,
  google: `AIza${"SyA1234567890abcdefghijklmnopqrstuv"}`,
  googleOauth: `ya29.${"a0AfH6SMBx1234567890abcdef"}`,
  jwt: `eyJ${"hbGciOiJIUzI1NiJ9"}.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U`,
  stripe: `sk_live_${"4eC39HqLyjWDarjtT1zdp7dc"}`,
  pem: "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nabc\n-----END RSA PRIVATE KEY-----"
}

describe("Redaction of text", () => {
  for (const [name, secret] of Object.entries(secrets)) {
    it(`masks ${name} at any position`, () => {
      for (const around of ["", "before ", "x=", '"', "https://host/?q=", "("]) {
        const seen = text(`${around}${secret} after`)
        assert.notInclude(seen, secret.slice(-12), around)
        assert.include(seen, Redaction.mask)
      }
    })
  }

  const masked: ReadonlyArray<readonly [string, string]> = [
    ["Authorization: Bearer abc.def-123", "Authorization: Bearer [redacted]"],
    ["curl -H 'authorization: Basic dXNlcjpwYXNz' x", "curl -H 'authorization: Basic [redacted]' x"],
    ["sent with Bearer 0123456789abcdef", "sent with Bearer [redacted]"],
    ["https://ada:hunter2@example.com/x", "https://ada:[redacted]@example.com/x"],
    ["https://ada:p@ss:w0rd@example.com", "https://ada:[redacted]@example.com"],
    ["https://0123456789abcdef0123@example.com", "https://[redacted]@example.com"],
    ["GET /x?api_key=12345abc&page=2", "GET /x?api_key=[redacted]&page=2"],
    ["export DB_PASSWORD=hunter2 && run", "export DB_PASSWORD=[redacted] && run"],
    ["login --token abc123 --verbose", "login --token [redacted] --verbose"],
    [`{password: 'it"s here', user: 'ada'}`, `{password: '[redacted]', user: 'ada'}`],
    [`said {\\"apiKey\\":\\"abc\\",\\"n\\":1}`, `said {\\"apiKey\\":\\"[redacted]\\",\\"n\\":1}`],
    ["Cookie: a=1; session=xyz", "Cookie: [redacted]"],
    ["aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "aws_secret_access_key = [redacted]"],
    [`${secrets.aws} wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY`, "[redacted] [redacted]"],
    ["password=12345678", "password=[redacted]"],
    ["the plain-looking-value of it", "the [redacted] of it"],
    ["db says correct horse", "db says [redacted]"],
    ["collector-credential and acme-production", "[redacted] and [redacted]"],
    ["line two of a key", "[redacted]"],
    ["MYSQLPASS: hunter2", "MYSQLPASS: [redacted]"],
    ["ID:ada,PW:hunter2", "ID:ada,PW:[redacted]"],
    ["Uid=ada;Pwd=hunter2;", "Uid=ada;Pwd=[redacted];"],
    ["LICENSE_KEY=9f86d081884c7d659a2feaa0c55ad015", "LICENSE_KEY=[redacted]"],
    ["the new secret for it is Zk3nP9xQw7Lm2Vt8Rb4Y here", "the new secret for it is [redacted] here"],
    [
      "Use this password to proceed:\n\n9f86d081884c7d659a2feaa0c55ad015",
      "Use this password to proceed:\n\n[redacted]"
    ],
    [`password: Some("hunter2")`, `password: Some("[redacted]")`],
    [`val password: String = "hunter2"`, `val password: String = "[redacted]"`],
    [`define( 'DB_PASSWORD' , 'hunter2' )`, `define( 'DB_PASSWORD' , '[redacted]' )`],
    ["mysql -h db -phunter2 shop", "mysql -h db -p[redacted] shop"],
    ["docker login -u ci -p hunter2 example.com", "docker login -u ci -p [redacted] example.com"],
    ["ls; redis-cli -a hunter2 ping | wc", "ls; redis-cli -a [redacted] ping | wc"],
    ["smbclient //files/x -U ada%hunter2", "smbclient //files/x -U ada%[redacted]"],
    ["curl -u ada:hunter2 https://example.com", "curl -u ada:[redacted] https://example.com"],
    ["echo hunter2 | sudo -S apt update", "echo [redacted] | sudo -S apt update"],
    ["CREATE USER a IDENTIFIED BY 'hunter2'", "CREATE USER a IDENTIFIED BY '[redacted]'"],
    ["db:5432:shop:app:hunter2", "db:5432:shop:app:[redacted]"],
    ["acme-live-a8Kd02mNq7Xz41Lp9Rt3", "[redacted]"],
    [
      "see https://example.com/reset/a8Kd02mNq7Xz41Lp9Rt3bV6cY5wE1uQs4",
      "see https://example.com/reset/[redacted]"
    ],
    ["/home/ada/project and /home/ada", "~/project and ~"],
    ["file:///home/ada/x:12:3", "file://~/x:12:3"]
  ]
  for (const [before, after] of masked)
    it(`${before} -> ${after}`, () => assert.strictEqual(text(before), after))

  const kept = [
    "019a2b3c-4d5e-7f60-8192-a3b4c5d6e7f8",
    "execute_tool exec_command",
    "gpt-5.5",
    "a basic understanding of bearer bonds",
    "max_tokens=4096, input tokens: 12",
    "token_type=bearer",
    "isSecret: true",
    "see https://example.com:8080/path?page=2#top",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "/home/adam/x and /mnt/home/ada/x",
    "task-0123456789012345678901234567890",
    "monkey=banana; keyboard: us",
    "cache_key=abc; map key=abc",
    "author=ada",
    "PWD=/home/eve/project",
    "google-cloud-auth-plugin:amd64 and python3-jwt:all",
    "primary_key=9f86d081884c7d659a2feaa0c55ad015",
    "docker run -p 8080:80 web and mkdir -p hunter2",
    "docker login -u ci; mkdir -p photos",
    "mysql -h db -u root shop",
    `const secret = new Set(tokens)`,
    `headers: ["authorization", "cookie"]`,
    "learned --smtp-auth to limit the mechanisms",
    "index-BtmwUAfk.js and chunk.a94a8fe5ccb19ba61c4c0873d391e987.css",
    "the token of commit a94a8fe5ccb19ba61c4c0873d391e987982fbbd3",
    "JsonSchema.META_SCHEMA_URI_DRAFT_07 and JsonSchema.fromSchemaOpenApi3_1",
    "request-9f86d081884c7d659a2feaa0c55ad015",
    "key: node-cache-Linux-x64-npm-9f86d081884c7d659a2feaa0c55ad015",
    "A basic HTTP/1.1 client"
  ]
  for (const plain of kept) it(`keeps ${plain}`, () => assert.strictEqual(text(plain), plain))

  it("masks a secret of the environment in other encodings", () => {
    const secret = environment.GITHUB_TOKEN
    for (const around of ["", "a", "ab", "abc"]) {
      const encoded = Buffer.from(`${around}${secret}zz`).toString("base64")
      assert.include(text(`x ${encoded}`), Redaction.mask)
    }
    const { text: seen } = make(['a "quoted"\nsecret/&'])
    assert.notInclude(seen(JSON.stringify({ note: 'a "quoted"\nsecret/&' })), "quoted")
    assert.notInclude(seen(`q=${encodeURIComponent('a "quoted"\nsecret/&')}`), "quoted")
    assert.notInclude(seen(JSON.stringify(JSON.stringify({ note: 'a "quoted"\nsecret/&' }))), "quoted")
  })

  it("masks by registered texts, patterns with any flags, and functions", () => {
    const sticky = /CUST-\d+/y
    const { text } = make(["tiger", sticky, (text) => text.replaceAll("lion", "cat")])
    for (let again = 0; again < 3; again++) {
      assert.strictEqual(
        text("a tiger, a lion, CUST-1 and CUST-22"),
        "a [redacted], a cat, [redacted] and [redacted]"
      )
    }
  })

  it("masks the whole text when a rule throws or returns no text", () => {
    const thrower = make([
      () => {
        throw new Error("no")
      }
    ])
    assert.strictEqual(thrower.text("anything"), Redaction.mask)
    const wrong = make([() => JSON.parse("1")])
    assert.strictEqual(wrong.text("anything"), Redaction.mask)
  })

  it("truncates long text and splits no character", () => {
    const { text } = make([], 10)
    assert.strictEqual(text("0123456789"), "0123456789")
    assert.strictEqual(text("0123456789a"), "012345678…")
    assert.isTrue(text("01234567😀 and on").isWellFormed())
  })

  it("keeps JSON valid, and values that are not secret unchanged", () => {
    const before = `{ "n": 12345678901234567890, "x": 1.0, "password": "hunter2", "deep": {"list": [], "token": ["abc", 5, false, null, ""], "path": "/home/ada/x"} }`
    assert.strictEqual(
      text(before),
      `{ "n": 12345678901234567890, "x": 1.0, "password": "[redacted]", "deep": {"list": [], "token": ["[redacted]", 5, false, null, ""], "path": "~/x"} }`
    )
    const long = JSON.stringify({
      items: Array.from({ length: 1000 }, (_, n) => ({ n, note: "x".repeat(500) }))
    })
    const cut = make([], 1000).text(long)
    assert.isAtMost(cut.length, 1000)
    assert.isTrue(typeof JSON.parse(cut) === "object")
    assert.include(text(JSON.stringify({ inner: JSON.stringify({ password: "hunter2" }) })), Redaction.mask)
  })

  it("masks every text below a secret name in JSON text, at any depth", () => {
    assert.strictEqual(text(`{"credentials":{"user":"ada"}}`), `{"credentials":{"user":"[redacted]"}}`)
    assert.strictEqual(
      text(`{"credentials":{"roles":[{"name":"admin","level":2}]},"note":"fine"}`),
      `{"credentials":{"roles":[{"name":"[redacted]","level":2}]},"note":"fine"}`
    )
  })

  it("masks a private key without its end", () => {
    const [key = ""] = secrets.pem.split("\n-----END")
    assert.strictEqual(text(`before ${key}`), "before [redacted]")
  })

  it("masks a quoted value up to its closing quote, past escaped quotes", () => {
    assert.strictEqual(text('password="a\\"b c" after'), 'password="[redacted]" after')
    assert.strictEqual(text('password="never closed'), 'password="[redacted]')
  })

  it("masks a number under a secret name, unless it counts tokens", () => {
    assert.strictEqual(text("password=123456"), "password=[redacted]")
    assert.strictEqual(text("access_token=123456"), "access_token=123456")
  })

  it("does not take a setting in a variable with a secret name for a secret", () => {
    const { text } = Redaction.make({}, { AUTH_TOKEN: "production", API_KEY: "default" })
    assert.strictEqual(text("the default in production"), "the default in production")
  })

  it("masks a short registered word only as a whole word", () => {
    assert.strictEqual(make(["tiger"]).text("tiger, tigers, a-tiger"), "[redacted], tigers, a-[redacted]")
  })

  it("masks the longer of two registered texts that overlap", () => {
    assert.strictEqual(make(["a long", "a long text"]).text("x a long text y"), "x [redacted] y")
  })

  it("finds a secret word inside a name in camel case", () => {
    assert.strictEqual(
      text("userPassword=abc dbAuthToken=def userPin=1234"),
      "userPassword=[redacted] dbAuthToken=[redacted] userPin=[redacted]"
    )
  })

  it("masks an array of objects under a secret name in a value", () => {
    assert.deepStrictEqual(value({ credentials: [{ name: "x", level: 2 }] }), {
      credentials: [{ name: "[redacted]", level: 2 }]
    })
  })
})

describe("Redaction of values", () => {
  it("masks by name at any depth and preserves the shape", () => {
    assert.deepStrictEqual(
      value({
        isSecret: true,
        secrets: [],
        token: "",
        tokens: 12,
        "gen_ai.token.type": "input",
        apiKey: "abc",
        credentials: { user: "ada", attempts: 3, roles: ["x", null] },
        nested: [{ "x-auth-token": "abc", ok: false }]
      }),
      {
        isSecret: true,
        secrets: [],
        token: "",
        tokens: 12,
        "gen_ai.token.type": "input",
        apiKey: "[redacted]",
        credentials: { user: "[redacted]", attempts: 3, roles: ["[redacted]", null] },
        nested: [{ "x-auth-token": "[redacted]", ok: false }]
      }
    )
  })

  it("keeps masked names distinct", () => {
    const twice = { [secrets.openai]: 1, [secrets.github]: 2, "[redacted]": 3 }
    const apart = { "[redacted]": 1, "[redacted] 2": 2, "[redacted] 3": 3 }
    assert.deepStrictEqual(value(twice), apart)
    assert.deepStrictEqual(JSON.parse(text(JSON.stringify(twice))), apart)
    assert.deepStrictEqual(make().attributes(twice), apart)
    assertLinear(isSoak ? 20_000 : 8_000, (size) => {
      const many = Object.fromEntries(Array.from({ length: size }, (_, n) => [`${secrets.openai}${n}`, n]))
      assert.strictEqual(Object.keys(Object(value(many))).length, size)
      assert.strictEqual(Object.keys(JSON.parse(make([], 1e7).text(JSON.stringify(many)))).length, size)
    })
  })

  it("accepts any logged value", () => {
    const circle: Record<string, unknown> = { a: 1 }
    circle["self"] = circle
    const bad = {
      get boom() {
        throw new Error("no")
      }
    }
    assert.deepStrictEqual(value(circle), { a: 1, self: "[unreadable]" })
    assert.deepStrictEqual(value(bad), "[unreadable]")
    assert.deepStrictEqual(value(Redacted.make("x")), "[redacted]")
    assert.deepStrictEqual(value(new TypeError("the secret word")), "TypeError")
    assert.deepStrictEqual(value(new Map([["password", "x"]])), { password: "[redacted]" })
    assert.deepStrictEqual(value(new Date(0)), "1970-01-01T00:00:00.000Z")
    let deep: unknown = "bottom"
    for (let at = 0; at < 10_000; at++) deep = [deep]
    assert.isDefined(value(deep))
    assert.isDefined(text("[".repeat(100_000) + "]".repeat(100_000)))
  })

  // A number stays a number, but that of a numeric password becomes 0.
  const shape = (value: unknown, name?: string): unknown => {
    if (Array.isArray(value)) return value.map((item) => shape(item, name))
    if (typeof value === "string") return "text"
    if (typeof value === "number")
      return name === "password" && Number.isInteger(value) && Math.abs(value) >= 1000 ? 0 : value
    if (typeof value !== "object" || value === null) return value
    return Object.entries(value).map(([key, item]) => shape(item, key))
  }

  const names = ["password", "isSecret", "list", "apiKey", "n", "token", "tokens", "note", "credentials"]
  const Leaf = Schema.Union([
    Schema.String,
    Schema.Finite,
    Schema.Boolean,
    Schema.Null,
    Schema.Literals(Object.values(secrets)),
    Schema.Literals(["", "true", "password=hunter2", "/home/ada/x", '{"password":"x"}', "[redacted]"])
  ])
  const Inner = Schema.Union([Leaf, Schema.Array(Leaf), Schema.Record(Schema.Literals(names), Leaf)])
  const Json = Schema.Union([Inner, Schema.Array(Inner), Schema.Record(Schema.String, Inner)])

  // JSON.parse of Node 24.21 sometimes returns a backslash for a property name of one escaped character.
  const isReadBack = (written: string) => JSON.stringify(JSON.parse(written)) === written

  it.prop("preserves the shape of values, and of the same values as JSON", [Json], ([json]) => {
    assert.deepStrictEqual(shape(value(json)), shape(json))
    if (typeof json === "object" && json !== null) {
      const written = JSON.stringify(json)
      const scrubbed = text(written)
      if (!isReadBack(written) || !isReadBack(scrubbed)) return
      const seen: unknown = JSON.parse(scrubbed)
      assert.deepStrictEqual(shape(seen), shape(JSON.parse(written)))
      assert.deepStrictEqual(seen, value(JSON.parse(written)))
    }
  })

  it.prop(
    "gives the same result when applied twice",
    [Json, Schema.String, Schema.Literals(masked())],
    ([json, some, known]) => {
      for (const { text, value } of [make(), make([], 24)]) {
        assert.deepStrictEqual(value(value(json)), value(json))
        for (const one of [some, `${some}${known}`, `${known}${some}`, JSON.stringify(json)]) {
          assert.strictEqual(text(text(one)), text(one))
        }
      }
    }
  )

  function masked() {
    return [
      ...Object.values(secrets),
      "password=x",
      "Cookie: a=1",
      'token: "abc',
      "https://a:b@c",
      "Bearer 123456789"
    ]
  }
})

describe("Redaction in linear time", () => {
  // The ratio of the costs of a size and its eighth shows quadratic time. A soak also finds what is small beside the rest.
  const size = isSoak ? 200_000 : 50_000
  const repeated = (part: string, length: number) =>
    part.repeat(Math.ceil(length / part.length)).slice(0, length)
  const adversaries = [
    "a",
    " ",
    "-",
    "=",
    ":",
    "\\",
    '"',
    '\\"',
    "://",
    "://a:",
    "://a@",
    "sk-",
    "eyJ",
    "eyJ.",
    "-eyJ-",
    "a.",
    "a.a=",
    "-----BEGIN RSA PRIVATE KEY-----",
    "-----BEGIN ",
    "password=",
    'password="',
    "password='\\'",
    "token: ",
    "--token ",
    "Bearer ",
    "bearer bearer",
    "AKIA",
    "AKIA" + "A".repeat(39) + " ",
    "{",
    "[",
    '{"a":',
    "xox-",
    "password",
    "ya29.",
    "1//0",
    "SG.a.",
    "/home/ada",
    "/home/ad",
    "basic%20",
    "key=>",
    "\u0000",
    "😀",
    "<a ",
    "<a>b",
    "password:\n  a\n",
    "name: password value: ",
    "curl -u a ",
    "mysql -p",
    "docker login ",
    "htpasswd -b a ",
    "echo a|",
    "identified by ",
    "secret aB3",
    "a:1:b:c:",
    "a.aB3aB3aB3aB3aB3aB3aB3.",
    "%2B",
    "://a/aB3",
    'A("',
    "Private-Lines: 1 ",
    "sk-proj-",
    "xoxb-a-",
    "ghs_1_a.",
    "login a password ",
    "password is ",
    "password          ",
    "aB3_",
    "a-0123456789abcdef0123456789abcdef",
    '"name":"password",',
    "authorization: digest ",
    "password a ",
    "password a: ",
    "a,password\n",
    "|password",
    "kind: Secret\ndata:\n",
    "setPassword(",
    "(a,'password',",
    "basic_auth('a',",
    "config set token ",
    "token a1",
    "$2b$",
    "LS0tLS1CRUdJTiBQ",
    "://a.hooks.b/c/",
    "/hooks/",
    "[redacted]' + '",
    "kubectl create secret generic ",
    "seed phrase: ab ",
    "password == '",
    "password ?? "
  ]
  for (const part of adversaries) {
    it(`handles repeated ${JSON.stringify(part.slice(0, 40))}`, () => {
      assertLinear(size, (length) => {
        const repetition = repeated(part, length)
        text(repetition)
        text(`{"a":${JSON.stringify(repetition)}}`)
      })
    })
  }
})

describe("Redaction of attributes that are objects, as OpenTelemetry 3 allows", () => {
  it("masks what is nested in them, and keeps an object without secrets", () => {
    const harmless = { page: 2, tags: ["a", { b: null }] }
    // An instrumentation passes such attributes even where their type does not allow it.
    const nested: Record<string, string> = {}
    Object.assign(nested, {
      harmless,
      request: { page: 2, headers: { authorization: "hunter2" }, notes: ["plain", { note: secrets.openai }] },
      bytes: new Uint8Array([1])
    })
    const { bytes, harmless: kept, request } = make().attributes(nested)
    assert.strictEqual<unknown>(kept, harmless)
    assert.strictEqual(bytes, nested["bytes"])
    assert.deepStrictEqual(JSON.parse(String(request)), {
      page: 2,
      headers: { authorization: "[redacted]" },
      notes: ["plain", { note: "[redacted]" }]
    })
  })
})

describe("Redaction of spans", () => {
  it.effect(
    "precedes every processor for names, attributes and events, with rules of layers in any position",
    () =>
      Effect.gen(function* () {
        yield* Effect.gen(function* () {
          const span = yield* Effect.currentSpan
          span.event(`used ${secrets.github}`, 0n, { note: secrets.openai, password: "hunter2", count: 2 })
          yield* Effect.annotateCurrentSpan({
            [secrets.aws]: 1,
            note: `a tiger with ${secrets.jwt}`,
            list: ["plain", secrets.slack],
            isSecret: true,
            secrets: [],
            "gen_ai.token.type": "input"
          })
        }).pipe(Effect.withSpan(`call ${secrets.openai}`))
        const [span] = yield* Captured.spans
        assert.strictEqual(span?.name, "call [redacted]")
        assert.deepInclude(span?.attributes, {
          "[redacted]": 1,
          note: "a [redacted] with [redacted]",
          list: ["plain", "[redacted]"],
          isSecret: true,
          secrets: [],
          "gen_ai.token.type": "input"
        })
        assert.deepStrictEqual(span?.events[0], {
          name: "used [redacted]",
          attributes: { note: "[redacted]", password: "[redacted]", count: 2 }
        })
      }).pipe(
        Effect.provide(Layer.mergeAll(Captured.layer, Redaction.layer({ rules: ["tiger"] }))),
        Effect.provideService(Settings.Environment, environment)
      )
  )

  it.effect("masks a link's attributes and keeps its ids", () =>
    Effect.gen(function* () {
      const memory = yield* InMemorySpans.make
      const other = EffectTracer.externalSpan({ traceId: "a".repeat(32), spanId: "b".repeat(16) })
      yield* Effect.void.pipe(
        Effect.withSpan("linked", {
          links: [
            { span: other, attributes: { note: `by ${secrets.github}`, password: "hunter2", count: 2 } }
          ]
        }),
        Effect.provide(Tracer.layerProcessor(Effect.succeed(memory.processor))),
        Effect.provideService(Settings.Environment, environment)
      )
      const links = (yield* memory.spans).flatMap((span) => span.links)
      assert.deepStrictEqual(
        links.map(({ attributes, context }) => [context.traceId, context.spanId, attributes]),
        [["a".repeat(32), "b".repeat(16), { note: "by [redacted]", password: "[redacted]", count: 2 }]]
      )
    })
  )

  it.effect("applies to spans that are still open when an exporter closes", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const processor: SpanProcessor = {
        onStart: () => {},
        onEnd: ({ attributes, name }) => void seen.push([name, attributes["note"]]),
        forceFlush: () => Promise.resolve(),
        shutdown: () => Promise.resolve()
      }
      yield* Effect.makeSpanScoped(`open ${secrets.github}`, { attributes: { note: secrets.openai } }).pipe(
        Effect.andThen(Effect.void),
        Effect.provide(Tracer.layerProcessor(Effect.succeed(processor)))
      )
      assert.deepStrictEqual(seen, [["open [redacted]", "[redacted]"]])
    })
  )

  it.effect("precedes every limit, so that no part of a truncated secret remains", () =>
    Effect.gen(function* () {
      const memory = yield* InMemorySpans.make
      const secret = environment.GITHUB_TOKEN
      for (let limit = 4; limit < 40; limit++) {
        yield* Effect.currentSpan.pipe(
          Effect.tap((span) => Effect.sync(() => span.event("e", 0n, { note: `ab ${secrets.github}` }))),
          Effect.withSpan("x", {
            attributes: { note: `ab ${secret}`, list: [`a ${secret}`, secrets.openai] }
          }),
          Effect.provide(Tracer.layerProcessor(Effect.succeed(memory.processor))),
          Effect.provideService(Tracer.SpanLimits, { attributeValueLengthLimit: limit }),
          Effect.provideService(Settings.Environment, environment)
        )
      }
      const spans = yield* memory.spans
      assert.strictEqual(spans.length, 36)
      for (const [at, { attributes, events }] of spans.entries()) {
        const limit = at + 4
        assert.strictEqual(attributes["note"], "ab [redacted]".slice(0, limit))
        assert.deepStrictEqual(attributes["list"], [
          "a [redacted]".slice(0, limit),
          "[redacted]".slice(0, limit)
        ])
        assert.strictEqual(events[0]?.attributes?.["note"], "ab [redacted]".slice(0, limit))
      }
    })
  )

  it.effect("applies to the resource", () =>
    Effect.gen(function* () {
      const memory = yield* InMemorySpans.make
      yield* Effect.void.pipe(
        Effect.withSpan("x"),
        Effect.provide(Tracer.layerProcessor(Effect.succeed(memory.processor))),
        Effect.provideService(Tracer.Resource, { note: secrets.openai, "db.password": "hunter2" })
      )
      const [span] = yield* memory.spans
      assert.deepInclude(span?.resource.attributes, { note: "[redacted]", "db.password": "[redacted]" })
    })
  )

  it("masks the message of a status", () => {
    const context = { traceId: "a".repeat(32), spanId: "b".repeat(16), traceFlags: 1 }
    const span = make().span({
      name: "x",
      kind: 0,
      spanContext: () => context,
      startTime: [1, 0],
      endTime: [2, 0],
      duration: [1, 0],
      status: { code: 2, message: `failed with ${secrets.github}` },
      attributes: {},
      links: [],
      events: [],
      ended: true,
      resource: { attributes: {}, merge: (other) => other ?? span.resource, getRawAttributes: () => [] },
      instrumentationScope: { name: "x" },
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0
    })
    assert.deepStrictEqual(span.status, { code: 2, message: "failed with [redacted]" })
    assert.deepStrictEqual([span.name, span.spanContext()], ["x", context])
  })

  it.effect("can be replaced completely", () =>
    Effect.gen(function* () {
      yield* Effect.void.pipe(Effect.withSpan("anything"))
      const [span] = yield* Captured.spans
      assert.strictEqual(span?.name, "ANYTHING")
    }).pipe(
      Effect.provide(
        Captured.layer.pipe(
          Layer.provide(
            Layer.succeed(Redaction.Current, {
              ...make(),
              span: (span) => Object.assign(Object.create(span), { name: span.name.toUpperCase() })
            })
          )
        )
      )
    )
  )

  it("passes on the same span object if nothing is masked", () => {
    const attributes = { a: "plain", n: 1, list: ["x"], "gen_ai.conversation.id": "019a2b3c-4d5e" }
    assert.strictEqual(make().attributes(attributes), attributes)
  })
})
