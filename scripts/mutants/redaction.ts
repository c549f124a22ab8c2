/** Redaction: what is masked in text, values and spans, before anything is exported. */
import { inFile, type Mutant } from "./Mutant.ts"

export const redaction: ReadonlyArray<Mutant> = [
  ...inFile("src/redaction/KeyValueSecrets.ts", "test/redaction/Redaction.test.ts", [
    [
      '(value.endsWith("…") && mask.startsWith(value.slice(0, -1))) ||',
      "",
      "gives the same result when applied twice"
    ],
    [
      "allOfHeader.test(name) && !before",
      "/authorization$/i.test(name) && !before",
      "Cookie: a=1; session=xyz -> Cookie: [redacted]"
    ],
    [
      'if (slashes !== "" || !isEscaped(text, at)) return at',
      "return at",
      "masks a quoted value up to its closing quote, past escaped quotes"
    ],
    [
      "(/^\\d[\\d_]{0,11}$/.test(value) && /token/i.test(name))",
      "/^\\d[\\d_]{0,11}$/.test(value)",
      "masks a number under a secret name, unless it counts tokens"
    ]
  ]),
  ...inFile("src/redaction/KnownSecrets.ts", "test/redaction/Redaction.test.ts", [
    [
      "return found.filter(isDistinctive)",
      "return found",
      "does not take a setting in a variable with a secret name for a secret"
    ],
    [
      'decoded.replace(/^(?:Bearer|Basic)\\s+/i, "")',
      "decoded",
      "collector-credential and acme-production -> [redacted] and [redacted]"
    ],
    ["[raw, toDecoded(raw) ?? raw]", "[raw]", "db says correct horse -> db says [redacted]"],
    [', ...trimmed.split("\\n").map((line) => line.trim())', "", "line two of a key -> [redacted]"],
    [
      "return [0, 1, 2].flatMap",
      "return [0, 1].flatMap",
      "masks a secret of the environment in other encodings"
    ],
    [
      "    JSON.stringify(escaped).slice(1, -1),\n",
      "",
      "masks a secret of the environment in other encodings"
    ],
    [
      "`(?<![A-Za-z0-9])${form}(?![A-Za-z0-9])`",
      "escape(form)",
      "masks a short registered word only as a whole word"
    ],
    [
      "flatMap(encodedForms))].toSorted((a, b) => b.length - a.length)",
      "flatMap(encodedForms))].toSorted((a, b) => a.length - b.length)",
      "db says correct horse -> db says [redacted]"
    ]
  ]),
  ...inFile("src/redaction/Redaction.ts", "test/redaction/Redaction.test.ts", [
    [
      "for (let at: JsonStrings.Path | undefined = path; at !== undefined; at = at.above) {",
      "for (let at: JsonStrings.Path | undefined = path; at !== undefined; at = undefined) {",
      "masks every text below a secret name in JSON text, at any depth"
    ],
    [
      'if (typeof result !== "string") return mask',
      'if (typeof result !== "string") return text',
      "masks the whole text when a rule throws or returns no text"
    ],
    [
      "    } catch {\n      return mask\n    }",
      "    } catch {\n      return text\n    }",
      "masks the whole text when a rule throws or returns no text"
    ]
  ]),
  ...inFile("src/redaction/SecretNames.ts", "test/redaction/Redaction.test.ts", [
    ['at > 0 && secretKeyQualifiers.has(all[at - 1] ?? "")', "at > 0", "keeps cache_key=abc; map key=abc"],
    ['\n    .replace(/([a-z\\d])([A-Z])/g, "$1 $2")', "", "finds a secret word inside a name in camel case"]
  ]),
  ...inFile("src/redaction/CommandSecrets.ts", "test/redaction/Redaction.test.ts", [
    ["command.includes(` ${rule.after} `)", "true", "keeps docker run -p 8080:80 web and mkdir -p hunter2"],
    ["const end = /[\\r\\n;|&]/g", "const end = /$/g", "keeps docker login -u ci; mkdir -p photos"]
  ]),
  ...inFile("src/redaction/Randomness.ts", "test/redaction/Redaction.test.ts", [
    [
      "if (words > maxWords) return false",
      "",
      "keeps key: node-cache-Linux-x64-npm-9f86d081884c7d659a2feaa0c55ad015"
    ]
  ]),
  ...inFile("src/instrumentation/SafeSpan.ts", "test/instrumentation/SafeSpan.test.ts", [
    [
      "end: (endTime, exit) => end.call(span, endTime, safeExit(exit, scrub))",
      "end: (endTime, exit) => end.call(span, endTime, exit)",
      "through the bridge of @effect/opentelemetry"
    ],
    [
      "attribute.call(span, name, seen)",
      "attribute.call(span, name, value)",
      "through a tracer of the program's own, in names, attributes, lists, links, events and errors"
    ],
    [
      "if (!scrub.errors) return",
      "if (errorType === undefined) return",
      "and the message of an error is left out unless its capture is on"
    ],
    [
      "if (scrubbing !== undefined) return scrubbing",
      "",
      "and a span of the library's own tracer is scrubbed once, when it ends"
    ]
  ]),
  ...inFile("src/redaction/PrivateKeys.ts", "test/redaction/Redaction.test.ts", [
    [
      "if (found === null) return out",
      "if (found === null) return out + text.slice(at)",
      "masks a private key without its end"
    ],
    [
      "!header.test(text.slice(at, at + 80))",
      "header.test(text.slice(at, at + 80))",
      "masks a private key without its end"
    ]
  ]),
  ...inFile("src/redaction/TokenPatterns.ts", "test/redaction/Redaction.test.ts", [
    [
      "out = out.replace(schemes, `$1${mask}`)",
      'out += ""',
      "sent with Bearer 0123456789abcdef -> sent with Bearer [redacted]"
    ],
    [
      "out = out.replace(userinfo, withoutPassword)",
      'out += ""',
      "https://ada:p@ss:w0rd@example.com -> https://ada:[redacted]@example.com"
    ],
    [
      "user.length >= 16",
      "user.length >= 64",
      "https://0123456789abcdef0123@example.com -> https://[redacted]@example.com"
    ],
    [
      "if (aws) out = out.replace(awsSecret, mask)",
      "",
      "AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY -> [redacted] [redacted]"
    ]
  ]),
  ...inFile("src/telemetry/tracer/SpanRecorder.ts", "test/telemetry/tracer/SpanRecorder.test.ts", [
    [
      ": this.options.redact(RecordedSpan.incomplete(span, this.options.now()))",
      ": RecordedSpan.incomplete(span, this.options.now())",
      "masks secrets of an open span before the spool writes it to disk"
    ],
    [
      "for (const processor of this.ungated) ignoreErrors(() => processor.onEnd(seen))",
      "for (const processor of this.ungated) ignoreErrors(() => processor.onEnd(span))",
      "masks secrets for a processor that also receives the spans that tail sampling drops"
    ]
  ])
]
