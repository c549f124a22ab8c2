/** `effect-codex serve`: tokens, roles, logins, and requests of other pages. */
import { inFile, type Mutant } from "./Mutant.ts"

const access = "test/serve/Access.test.ts"
const roles = "lets a token do only what its roles allow"
const pages = "test/serve/OtherPages.test.ts"
const foreign = "is refused by its Host, its Origin and its fetch metadata, even with a valid token"
const durable = "test/serve/Durable.test.ts"
const durableRoles = "lets a token do with durable turns only what its roles allow"
const headers = "gets no permission to read, and every response forbids frames, foreign scripts and caches"
const secrets = "keeps every secret out of the log, the spans and the files of the server"
const flood = "is limited for each sender, and senders without a secret do not block the others"
const large = "cannot open more streams than a token has, nor send large bodies or headers"
const streams = "test/services/ServeStreams.test.ts"
const missed = "continues after a lost connection with what it missed, without a gap and nothing twice"
const endedMeanwhile =
  "is shown to its end if it ends while the connection is lost, and so is the turn that follows"
const inbox = "test/services/ServeInbox.test.ts"
const shown =
  "can approve a long request only after its last line, and no request right after the list changed"
const revoked = "refuses everything without a valid secret, and a token as soon as it is revoked"

export const serve: ReadonlyArray<Mutant> = [
  ...inFile("src/serve/ServeAccess.ts", access, [
    ['answer: ["approve"]', 'answer: ["approve", "submit"]', roles],
    ['steer: ["submit"]', 'steer: ["submit", "approve"]', roles],
    ["delete: []", 'delete: ["approve"]', roles],
    ['interrupt: ["submit", "approve"]', 'interrupt: ["read"]', roles],
    [
      "threadOptions: () => Effect.succeed(thread)",
      "threadOptions: (_, start) => Effect.succeed(start._tag === 'Start' ? { ...thread, ...start.request } : thread)",
      "does not let a submitter choose the sandbox, the directory or the approvals of a thread"
    ]
  ]),
  ...inFile("src/serve/Role.ts", access, [
    ["roles.includes(needed)", "roles.length > 0", roles],
    ['needed === "read" ? roles.length > 0 : ', "", roles]
  ]),
  ...inFile("src/serve/ServeApi.ts", access, [
    [
      'HttpApiEndpoint.get("limits", path("/limits"), { success: RateLimits, error })\n  )\n  .middleware(Authentication)',
      'HttpApiEndpoint.get("limits", path("/limits"), { success: RateLimits, error })\n  )',
      revoked
    ]
  ]),
  ...inFile("src/serve/Secret.ts", access, [
    ['createHash("sha256").update(secret).digest("hex")', 'Buffer.from(secret).toString("hex")', secrets],
    ["timingSafeEqual(a, b)", "true", revoked]
  ]),
  ...inFile("src/serve/Sessions.ts", "test/serve/Sessions.test.ts", [
    [" || codeExpiresAt <= now()", "", "needs a code of the last 10 minutes"],
    ["session.expiresAt > now() &&", "", "ends after 12 hours, also for a token that is still valid"]
  ]),
  ...inFile("src/durable/ClientApprovals.ts", durable, [
    [
      "answer.hash !== row.hash || ",
      "",
      "takes the first of two answers to a durable request, records who gave it, and refuses the second"
    ]
  ]),
  ...inFile("src/serve/Sessions.ts", access, [
    [
      "end: (secret) => Effect.sync(() => void sessions.delete(Secret.hash(secret)))",
      "end: () => Effect.void",
      "takes the code of the terminal once, and ends a session that logs out"
    ],
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
    ['headers["sec-fetch-dest"] === "document"', "true", foreign],
    ['origin.replace(/^https?:\\/\\//, "").toLowerCase() !== host.toLowerCase()', "origin === host", foreign],
    ['origin.replace(/^https?:\\/\\//, "").toLowerCase()', "new URL(origin).hostname", foreign],
    ["allowed: options.allowedHosts,", 'allowed: options.allowedHosts.concat("evil.example"),', foreign],
    ["takeKnown(caller.key, now)", "true", flood],
    ["takeAnonymous(address, now)", "true", flood],
    ["\"script-src 'self'\",", "\"script-src 'self' 'unsafe-inline'\",", headers],
    ["\"frame-ancestors 'none'\",", "", headers],
    ["  \"require-trusted-types-for 'script'\",\n", "", headers],
    ['  "x-frame-options": "DENY",\n', "", headers],
    ['"cache-control": "no-store"', '"cache-control": "max-age=60"', headers]
  ]),
  ...inFile("src/serve/Server.ts", pages, [
    ["maxHeaderSize: 16 * 1024", "maxHeaderSize: 64 * 1024", large],
    ["const streamsPerCaller = 20", "const streamsPerCaller = 21", large]
  ]),
  // What the page itself does, in a browser.
  ...inFile("src/web/serve/ItemView.tsx", streams, [
    [
      '<Block label="Agent">\n          <p class="prose">{textOf(item, "text") || partial}</p>',
      '<Block label="Agent">\n          <p class="prose">{textOf(item, "text") ?? partial}</p>',
      missed
    ]
  ]),
  ...inFile("src/web/serve/FollowedStream.ts", streams, [
    ["seen = event.id ?? seen", "seen = undefined", missed]
  ]),
  ...inFile("src/web/serve/ThreadView.tsx", streams, [
    ["return followed.current", "return running ? followed.current : undefined", endedMeanwhile],
    ["useEffect(load, [threadId, followed])", "useEffect(load, [threadId])", endedMeanwhile]
  ]),
  ...inFile("src/web/serve/RequestCard.tsx", inbox, [
    ["shown.lines.length >= shown.total", "shown.lines.length > 0", shown],
    [
      "disabled={!armed || !isWhole || isMissing || sending}",
      "disabled={!isWhole || isMissing || sending}",
      shown
    ]
  ]),
  ...inFile("src/web/serve/RequestLines.tsx", "test/services/ServeHostile.test.ts", [
    [
      '<div key={number} class={`request-line ${classOf(label === "with the diff:", line)}`}>\n              {line === "" ? "\\u00a0" : line}\n            </div>',
      "<div key={number} dangerouslySetInnerHTML={{ __html: line }} />",
      "shows hostile prompts, commands, paths and diffs as text"
    ],
    [
      "!line.startsWith(prefix)",
      'line.endsWith(":")',
      "shows hostile prompts, commands, paths and diffs as text"
    ]
  ]),
  ...inFile("src/serve/TurnTraces.ts", "test/services/ServeProcess.test.ts", [
    [
      "paths.filter((path) => path !== error.path)",
      "paths.slice(0, 0)",
      "has the turns of files that other processes wrote, also when one of the files goes away"
    ]
  ]),
  ...inFile("src/cli/handlers/startServer.ts", "test/serve/Command.test.ts", [
    [
      "? ProtectedFile.exposure(Nodepath.resolve(database.path), ProtectedFile.writableRoots(target))",
      "? undefined",
      "refuses tokens, a database, rules and prices that the agent could write, also through a link"
    ],
    [
      "const exposed = ProtectedFile.exposure(state, ProtectedFile.writableRoots(target))",
      "const exposed = ProtectedFile.exposure(state, [])",
      "refuses tokens, a database, rules and prices that the agent could write, also through a link"
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
  ...inFile("src/serve/CallerLimits.ts", pages, [["if (count >= limit) return false", "", large]])
]
