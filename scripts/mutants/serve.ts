/** `effect-codex serve`: tokens, roles, logins, and requests of other pages. */
import { inFile, type Mutant } from "./Mutant.ts"

const access = "test/serve/Access.test.ts"
const roles = "lets a token do only what its roles allow"
const pages = "test/serve/OtherPages.test.ts"
const foreign = "is refused by its Host, its Origin and its fetch metadata, even with a valid token"
const durable = "test/serve/Durable.test.ts"
const durableRoles = "lets a token do with durable turns only what its roles allow"
const revoked = "refuses everything without a valid secret, and a token as soon as it is revoked"

export const serve: ReadonlyArray<Mutant> = [
  ...inFile("src/serve/ServeAccess.ts", access, [
    ['answer: ["approve"]', 'answer: ["approve", "submit"]', roles],
    ['steer: ["submit"]', 'steer: ["submit", "approve"]', roles],
    ["delete: []", 'delete: ["approve"]', roles]
  ]),
  ...inFile("src/serve/Sessions.ts", access, [
    ["codes.delete(key)\n", "\n", "takes the code of the terminal once, and ends a session that logs out"],
    ["(session.token === undefined || store.has(session.token))", "true", revoked],
    [
      "key: session.limitKey, isValid",
      "key, isValid",
      "counts all logins of a token together, and ends only its own when there are too many"
    ],
    [
      "limitKey === session.limitKey)",
      'limitKey !== "")',
      "counts all logins of a token together, and ends only its own when there are too many"
    ]
  ]),
  ...inFile("src/serve/TokenStore.ts", access, [
    ["Secret.equals(Secret.hash(token), found?.hash ?? noHash) ? found : undefined", "found", revoked]
  ]),
  ...inFile("src/serve/RequestGuard.ts", pages, [
    ["if (!accepted) return refuse(HostHeader.status, misdirected)", "", foreign],
    ["if (isForeign(request.headers, request)) return refuse(403, foreign)", "", foreign],
    [
      'site === "same-origin" || site === "none"',
      'site === "same-origin" || site === "same-site" || site === "none"',
      foreign
    ],
    ['request.url === "/" &&', "", foreign],
    [
      "takeAnonymous(address, now)",
      "true",
      "is limited for each sender, and senders without a secret do not block the others"
    ],
    [
      "\"frame-ancestors 'none'\",",
      "\"frame-ancestors 'none'\", \"script-src-elem 'unsafe-inline'\",",
      "gets no permission to read, and every response forbids frames, foreign scripts and caches"
    ]
  ]),
  ...inFile("src/serve/DurableHandlers.ts", durable, [
    [
      'withRole(["approve"], ({ client }, caller)',
      'withRole(["submit", "approve"], ({ client }, caller)',
      durableRoles
    ],
    ['withRole(["submit"], ({ client, submit }', 'withRole(["read"], ({ client, submit }', durableRoles],
    [
      "thread.startsWith(prefix)",
      "true",
      "submits a turn once, with the directory and sandbox of the server, and continues only its own threads"
    ],
    [
      "Stream.drop(after),",
      "",
      "streams the events of a durable turn, and continues after the last one that the client has"
    ],
    [
      "                caller.name",
      "                ServeAccess.owner",
      "takes the first of two answers to a durable request, records who gave it, and refuses the second"
    ]
  ]),
  ...inFile("src/trace/reader/RecentTurns.ts", "test/trace/reader/RecentTurns.test.ts", [
    ["spans.size <= maxSpans &&", "", "keeps a bounded number of spans and of bytes, the latest ones"],
    ["bytes -= oldest.bytes", "", "keeps a bounded number of spans and of bytes, the latest ones"],
    [
      "start: nanos(span.startTime)",
      "start: nanos(span.endTime)",
      "returns the same trace as the files that the process exported"
    ]
  ]),
  ...inFile("src/serve/CallerLimits.ts", pages, [
    [
      "if (count >= limit) return false",
      "",
      "cannot open more streams than a token has, nor send large bodies or headers"
    ]
  ])
]
