/** Approval: rules, decisions, grants, permissions, hashes and command lines. */
import { inFile, type Mutant } from "./Mutant.ts"

export const approval: ReadonlyArray<Mutant> = [
  ...inFile("src/approval/DecisionValidation.ts", "test/engine/app-server/AmendmentMapping.test.ts", [
    [
      "Amendment.isSame(amendment, given.amendment)",
      "amendment._tag === given.amendment._tag",
      "are granted only if the decision names exactly one"
    ]
  ]),
  ...inFile("src/engine/app-server/AmendmentMapping.ts", "test/engine/app-server/AmendmentMapping.test.ts", [
    [
      " || !prefix.every((word, index) => word === argv[index])",
      "",
      "are not offered for another command than the one shown, or than Codex proposes"
    ],
    ['action === "allow" && host', "host", "are offered only as Codex lists them"],
    [
      "if (!runners.has(programOf(program))) return true",
      "if (program !== '') return true",
      "H27 are not offered for a program that runs what its arguments say, unless they are the whole command"
    ],
    [
      "&& host === requested",
      "",
      "H27 are not offered for another host than that of the request, nor for several hosts"
    ]
  ]),
  ...inFile("src/approval/TerminalPrompt.ts", "test/approval/TerminalPrompt.test.ts", [
    [
      "options.amendments === true && ",
      "",
      "H27 gives a lasting approval only if the options allow it, and with a word of its own"
    ]
  ]),
  ...inFile("src/internal/HostDirectories.ts", "test/approval/ResolvedRequest.test.ts", [
    [
      "RealPath.isWithin(real, path) ||\n        (directory",
      "(directory",
      "H26 says which files of this process it would let the agent write, and no decision grants that"
    ],
    [
      "RealPath.isWithin(path, real) : Nodepath.dirname(path) === real",
      "RealPath.isWithin(path, real) : false",
      "H26 says which files of this process it would let the agent write, and no decision grants that"
    ]
  ]),
  ...inFile("src/approval/ApprovalQueue.ts", "test/approval/ApprovalQueue.test.ts", [
    [
      "const copy = structuredClone(request)",
      "const copy = request",
      "F20 shows the request as it was asked, even if the caller modifies it later"
    ],
    ["id: randomUUID(),", "id: request.id,", "publishes every change, and the last state to slow readers"]
  ]),
  ...inFile("src/approval/DecisionValidation.ts", "test/approval/Policy.test.ts", [
    [
      'if (answers.every(([, texts]) => texts.length === 0)) return "a question needs an answer"',
      "",
      'UserInput: Accept {"_tag":"Answers","answers":{"which":[]}} means no'
    ],
    [
      "if (question === undefined) return",
      "if (question === undefined) continue\n    if (false) return",
      'UserInput: Accept {"_tag":"Answers","answers":{"which":["red"],"more":["blue"]}} means no'
    ],
    [
      "if (question.other || question.options === undefined) continue",
      "if (question.options === undefined) continue",
      "logs one line per decision, without the request or the answers"
    ],
    [
      'if (given !== undefined && given._tag !== "Permissions")',
      "if (false)",
      'Permissions: Accept {"_tag":"Content","content":{"network":true}} means no'
    ],
    [
      "toRealPaths(given?.permissions ?? requested, resolved)",
      "toRealPaths(requested, resolved)",
      'Permissions: Accept {"_tag":"Permissions","permissions":{"network":false,"fileSystem":[{"access":"write","place":{"_tag":"Path","path":"/"}}]}} means no'
    ],
    ["if (!Permissions.isEmpty(permissions)) return", "if (true) return", "Permissions: Accept means no"],
    [
      '    case "Unknown":\n      return declined(decision, "effect-codex does not know this kind of request")',
      '    case "Unknown":\n      return decision',
      'Unknown: Accept {"_tag":"Content","content":{}} means no'
    ],
    [' || request.mode === "url")', ")", 'Elicitation: Accept {"_tag":"Content","content":{}} means no']
  ]),
  ...inFile("src/approval/DecisionValidation.ts", "test/approval/DecisionChecks.test.ts", [
    [
      "Number.isInteger(value) && !Number.isSafeInteger(value)",
      "false",
      "H02 is a decline when a number of an MCP call is too large to be shown exactly"
    ],
    [
      "if (!texts.every((text)",
      "if (!texts.some((text)",
      "is a decline when one of two answers is not an option"
    ]
  ]),
  ...inFile("src/approval/ElicitationForm.ts", "test/approval/Policy.test.ts", [
    [
      "if (field === undefined) return undefined\n",
      "if (field === undefined) continue\n",
      "Elicitation: Accept means no"
    ],
    ['if (required) return `the field "${name}" is missing`', "", "Elicitation: Accept means no"],
    [
      'return extra === undefined ? undefined : `there is no field "${extra}"`',
      "return undefined",
      'Elicitation: Accept {"_tag":"Content","content":{"name":"Bob","age":3}} means no'
    ],
    [
      "inRange(value.length, field.minItems, field.maxItems) &&",
      "",
      'Elicitation: Accept {"_tag":"Content","content":{"name":"Bob","colours":["red","blue"]}} means no'
    ]
  ]),
  ...inFile("src/approval/PendingRequests.ts", "test/approval/ApprovalQueue.test.ts", [
    [
      'if (entry.hash !== hash) return [state, { _tag: "ArgumentsChanged", hash: entry.hash }]',
      "",
      "F20 keeps a request pending if an answer has another hash or is invalid"
    ],
    [
      "if (problem !== undefined) return",
      "if (false) return",
      "F20 keeps a request pending if an answer has another hash or is invalid"
    ],
    ["  pending.delete(id)\n", "", "F19 resumes only the request that is answered"],
    [
      'state.pending.has(id) ? end(state, id, "withdrawn") : state',
      "state",
      "F18 rejects a late answer: after the end of the turn, after the timeout, after another answer"
    ],
    [
      "const ended = new Map(state.ended).set(id, { how, openedThreadId })",
      "const ended = new Map(state.ended)",
      "F17 accepts exactly the first of two concurrent answers, a thousand times"
    ]
  ]),
  ...inFile("src/approval/PendingRequests.ts", "test/approval/DecisionChecks.test.ts", [
    [
      "if (entry.hash !== hash)",
      'if (hash !== "" && entry.hash !== hash)',
      "has no effect with another hash, not even an empty one"
    ]
  ]),
  ...inFile("src/approval/Policy.ts", "test/approval/Policy.test.ts", [
    [
      'if (decision._tag !== "Abstain") return decision',
      'if (decision._tag === "Accept") return decision',
      "combines rules, remembered decisions, a person, a timeout and an audit"
    ]
  ]),
  ...inFile("src/approval/Policy.ts", "test/approval/DecisionChecks.test.ts", [
    [
      '_tag: "Decline",\n      reason: "no approval policy',
      '_tag: "Accept",\n      reason: "no approval policy',
      "is a decline for every request when no policy is provided"
    ],
    [
      "Context.merge(services, context)",
      "Context.merge(context, services)",
      "comes from a policy that runs with the services of the run rather than those of its layer"
    ]
  ]),
  ...inFile("src/approval/PolicyRunner.ts", "test/approval/Policy.test.ts", [
    [
      "if (isAbstain(returned)) return Effect.succeed(declinedByAbstention(returned))",
      'if (isAbstain(returned)) return Effect.succeed({ _tag: "Accept" })',
      "leaves the decision to the next policy; the first decision counts, and a failure declines"
    ],
    [
      " && hash(request) !== hashBefore",
      ' && hash(request) === "x"',
      "F20 a request that the policy modifies while it decides is declined"
    ],
    [
      "const decision = normalize(request, returned)",
      "const decision = returned",
      "Unknown: Accept means no"
    ],
    [
      'declinedByDefault("the approval policy failed")',
      '{ _tag: "Accept" } as const',
      "keeps the result of a policy that ends in time, even a failure"
    ]
  ]),
  ...inFile("src/approval/PolicyRunner.ts", "test/approval/DecisionChecks.test.ts", [
    [
      "    const hashBefore = hash(request)\n    const deciding = policy(request)\n",
      "    const deciding = policy(request)\n    const hashBefore = hash(request)\n",
      "F20 is declined when the policy modifies the request before it returns its effect"
    ],
    [
      "Cause.hasInterruptsOnly(cause)",
      "Cause.hasInterrupts(cause)",
      "is a decline when the policy fails and is interrupted at once"
    ]
  ]),
  ...inFile("src/approval/Rules.ts", "test/approval/Rules.test.ts", [
    [
      '(!accepts || rule.kind === "mcp_tool") &&\n',
      "",
      '{"tool":"write","decision":"accept"} does not speak of call write of things with {}'
    ],
    [
      '(rule.server === undefined || rule.server === request.server)\n      )\n    case "Elicitation"',
      'true\n      )\n    case "Elicitation"',
      '{"kind":"mcp_tool","server":"other","decision":"accept"} does not speak of call write of things with {}'
    ],
    [
      "return !accepts && namesOnly(rule)",
      "return namesOnly(rule)",
      "without a kind accept only commands, patches and tools"
    ],
    [
      '!accepts && namesOnly(rule, "server")',
      'namesOnly(rule, "server")',
      "without a kind accept only commands, patches and tools"
    ],
    [
      "(!network || rule.network === true) &&",
      "",
      '{"kind":"permissions","decision":"accept"} does not speak of be allowed the network'
    ],
    [
      '(entry.access === "read" || rule.access === "write")',
      "true",
      '{"kind":"permissions","path":"/x/**","decision":"accept"} does not speak of be allowed to write /x/y'
    ],
    [
      'rule.kind === "permissions" &&',
      "",
      '{"path":"/x/**","decision":"accept"} does not speak of be allowed to read /x/y'
    ],
    [
      "return all.every((path) => matchesRealPath",
      "return all.some((path) => matchesRealPath",
      "accepts a patch only if the path matches every file"
    ],
    [
      "(request.extra || request.changes.length === 0)",
      "request.changes.length === 0",
      "accepts no patch that also requests a root, and no command that requests more than to run"
    ],
    [
      "(request.extra || request.argv === undefined)",
      "request.argv === undefined",
      "accepts no patch that also requests a root, and no command that requests more than to run"
    ],
    [
      "(request.extra || request.argv === undefined)",
      "request.extra",
      "accepts no command that is not one simple command"
    ],
    [
      "argv.length >= rule.length - 1",
      "argv.length >= rule.length",
      "with a final ** matches any number of further words, and without it none"
    ],
    [
      "rule.length === argv.length && rule.every",
      "rule.every",
      "with a final ** matches any number of further words, and without it none"
    ],
    [
      '      !relative.startsWith("..") &&\n',
      "",
      "matches no path outside the working directory by a relative pattern"
    ]
  ]),
  ...inFile("src/approval/Rules.ts", "test/approval/RealPaths.test.ts", [
    [
      "    !found.throughLink &&\n",
      "",
      "H06 accepts no patch with a link on the way, wherever the link leads"
    ],
    [
      'request.resolved?.threadCwd ?? "/", found.real)',
      'request.resolved?.threadCwd ?? "/", path)',
      "H06 matches the real path of a patch, not the path as it is written"
    ],
    [
      " && isOnOneSide(request, all)",
      "",
      "H03 accepts no patch that is partly outside of the agent's sandbox"
    ],
    [
      "resolvedPath(request, entry.place.path)?.agentWritable === false",
      "true",
      "H03 grants no permission through a link or where the agent can write"
    ],
    [
      "resolved.cwd === (cwd ?? resolved.threadCwd)",
      "true",
      "H04 accepts only in the thread's own directory"
    ],
    [
      "!resolved.cwdThroughLink && ",
      "",
      "H04 accepts nowhere if a link leads to the directory or if it cannot be resolved"
    ],
    ["cwd ?? resolved.threadCwd", "resolved.threadCwd", "H04 with a `cwd` accepts in that directory alone"]
  ]),
  ...inFile("src/approval/DecisionValidation.ts", "test/approval/RuleTable.test.ts", [
    [
      "if (request.changes.length === 0) return",
      "if (request.id === '') return",
      "accepts no patch whose files are unknown, whatever the policy says"
    ]
  ]),
  ...inFile("src/approval/DecisionValidation.ts", "test/approval/RealPaths.test.ts", [
    [
      'if (place._tag === "Special") return isFixedPlace(place.value)',
      'if (place._tag === "Special") return true',
      "H03 is never given for a special place that may lead elsewhere"
    ],
    [
      "subpath: Schema.optionalKey(Schema.Null)",
      "",
      "H03 is never given for a special place that may lead elsewhere"
    ],
    [
      'return place._tag === "Path" || !found.throughLink',
      "return true",
      "H03 is never given for a pattern below a link"
    ],
    [
      "if (found?.real === undefined || found.agentWritable) return false",
      "if (found === undefined) return true",
      "H03 is never given where the agent can write, whatever the policy says"
    ],
    [
      'return real === undefined ? entry : { ...entry, place: { _tag: "Path", path: real } }',
      "return entry",
      "H03 carries the real path"
    ],
    [
      "givenProblem(request, decision) ?? extraProblem(request)",
      "givenProblem(request, decision)",
      "H03 is not given with a command or a patch either"
    ]
  ]),
  ...inFile("src/turn/ActiveTurn.ts", "test/approval/ScriptedApprovals.test.ts", [
    [
      'if (original._tag === "TurnStarted") AgentRoots.recordSandbox(engine, access().writableRoots)',
      "",
      "H03 includes what an earlier turn could write, because its commands may still run"
    ]
  ]),
  ...inFile("src/turn/ActiveTurn.ts", "test/engine/app-server/SubAgents.test.ts", [
    [
      "openedThreadId: engine.id,",
      "openedThreadId: threadId,",
      "H12 leaves its session grants with the thread of its caller, who can revoke them"
    ]
  ]),
  ...inFile("src/approval/AgentRoots.ts", "test/approval/ScriptedApprovals.test.ts", [
    [
      "const thread = threads.get(id) ?? {",
      "const thread = {",
      "H03 includes what is granted through another handle of the thread"
    ],
    [
      "for (const thread of threads.values()) for (const root of thread.roots) all.add(root)",
      "",
      "H03 includes what the agents of other open threads can write, which can work together"
    ],
    [
      "return handles.values().next().value",
      "return undefined",
      "H03 keeps a permission that Codex holds in the list until the last handle closes"
    ],
    [
      "if (handles.size === 0) remove()",
      "",
      "H03 includes what an earlier turn could write, because its commands may still run"
    ]
  ]),
  ...inFile("src/approval/ApprovalAudit.ts", "test/approval/ScriptedApprovals.test.ts", [
    ["observers?.push(", "void (", "H12 records each use of what the thread remembers, with its source"]
  ]),
  ...inFile("src/approval/SessionGrants.ts", "test/approval/SessionGrants.test.ts", [
    [
      "grant.threadId === threadId || grant.agentThreadId === threadId",
      "(grant.agentThreadId ?? grant.threadId) === threadId",
      "H12 include those of sub-agents, which the thread can revoke"
    ]
  ]),
  ...inFile("src/approval/AgentRoots.ts", "test/approval/RealPaths.test.ts", [
    [
      "  for (const path of grantedBy(request, decision))",
      "  roots.clear()\n  for (const path of grantedBy(request, decision))",
      "H03 makes its directory writable for later requests of the thread"
    ]
  ]),
  ...inFile("src/approval/ResolvedRequest.ts", "test/approval/ResolvedRequest.test.ts", [
    [
      "if (ambiguous.has(given))",
      "if (false)",
      "H03 knows nothing about a path and a pattern that have the same text"
    ],
    [
      'const known = path.startsWith("~") ? undefined : real',
      "const known = real",
      "H03 has no path that starts with a tilde"
    ],
    [
      "cwdThroughLink: own.throughLink",
      "cwdThroughLink: false",
      "H04 contains the real directory of a command, and whether a link leads there"
    ]
  ]),
  ...inFile("src/internal/RealPath.ts", "test/internal/RealPath.test.ts", [
    [
      'if (!path.split(/[\\\\/]/).includes("..")) return resolved',
      "if (true) return resolved",
      "H03 is unknown for `..` behind a link, circles, links in /proc and NUL"
    ],
    [
      ' || isWithin(next, "/proc")',
      "",
      "H03 is unknown for `..` behind a link, circles, links in /proc and NUL"
    ],
    ["isWithin(path, root) &&\n", "path.startsWith(root) &&\n", "below a writable root and not beside it"]
  ]),
  ...inFile("src/approval/RequestEquivalence.ts", "test/approval/Policy.test.ts", [
    [
      "      !requested.extra &&\n",
      "",
      "covers simple commands in the same directory with the same first words"
    ],
    [
      "directoriesOf(requested)?.every(",
      "directoriesOf(requested)?.some(",
      "covers patches in the directory of an accepted patch"
    ]
  ]),
  ...inFile("src/approval/RequestEquivalence.ts", "test/approval/DecisionChecks.test.ts", [
    [
      "      accepted.argv.length >= words &&\n",
      "",
      "does not cover a longer command when the accepted one has too few words"
    ],
    [
      "      !accepted.extra &&\n",
      "",
      "does not cover a longer command when the accepted one has too few words"
    ]
  ]),
  ...inFile("src/approval/RequestEquivalence.ts", "test/approval/SessionGrants.test.ts", [
    ["      now.cwd === now.threadCwd &&\n", "", "H04 covers only the thread's own directory"],
    [
      "      !runners.has(programOf(program)) &&\n",
      "",
      "H19 never covers interpreters and programs that run others"
    ],
    [
      "      !requested.argv.slice(words).some((word) => runningOption.test(word)) &&\n",
      "",
      "H19 never covers options that run or write their value"
    ],
    [
      "Nodepath.dirname(resolved.real)",
      'Nodepath.dirname(resolved.real).split("/").slice(0, 2).join("/")',
      "H19 covers files directly in the directory, not below it or behind a link"
    ]
  ]),
  ...inFile("src/approval/SessionGrants.ts", "test/approval/Policy.test.ts", [
    [
      "const owner = options.shared === true ? shared : session",
      "const owner = shared",
      "asks once per thread for identical requests, and marks later decisions as remembered"
    ],
    [
      'case "UserInput":\n    case "Elicitation":\n    case "Unknown":\n      return false',
      'case "UserInput":\n    case "Elicitation":\n    case "Unknown":\n      return true',
      "does not remember single acceptances, declines and answers"
    ]
  ]),
  ...inFile("src/approval/SessionGrants.ts", "test/approval/SessionGrants.test.ts", [
    [
      "  grant.hash === requestHash &&\n  !(",
      "  grant.request._tag === request._tag &&\n  !(",
      "H12 covers the same patch and no other patch of the same file"
    ],
    [
      "request.resolved.paths.some(({ throughLink }) => throughLink)",
      "false",
      "H12 covers nothing behind a link, which the agent can change"
    ],
    [
      "Effect.map(Registry, (registry) => void registry.delete(id))",
      "Effect.void",
      "are revoked: the next request goes to the policy again"
    ],
    [
      "if (isExpired(entry, now)) registry.delete(id)",
      "if (isExpired(entry, now)) continue",
      "expire after the lifetime of the policy, or after the time that `expire` sets"
    ],
    [
      "if (entry.owner !== session) continue",
      "if (entry.owner !== registry) continue",
      "end with the thread"
    ],
    ["grant.threadId === threadId", "true", "belong to their thread: another thread cannot revoke them"]
  ]),
  ...inFile("src/approval/Timeout.ts", "test/approval/Policy.test.ts", [
    [
      '{ policy: "timeout", ...decision, source: "timeout" }',
      '{ source: "timeout", policy: "timeout", ..."" }',
      "F16 stops waiting for a policy that ignores its interruption exactly at the timeout"
    ]
  ]),
  ...inFile("src/domain/ApprovalRequestHash.ts", "test/domain/Permissions.test.ts", [
    [
      "const { id: _id, itemId: _itemId, reason: _reason, ...content } = request",
      "const { id: _id, itemId: _itemId, ...content } = request",
      "covers the content of the request and nothing else"
    ],
    [
      "itemId: _itemId, reason",
      "itemId: _itemId, cwd: _cwd, reason",
      "covers the content of the request and nothing else"
    ]
  ]),
  ...inFile("src/domain/Permissions.ts", "test/domain/Permissions.test.ts", [
    [
      "network: requested.network && granted.network",
      "network: granted.network",
      "include globs and special places only if they are identical"
    ],
    [
      'a.access === "write" && g.access === "write"',
      'a.access === "write"',
      "are never more than requested or granted"
    ],
    [
      "excluded.every((entry) => areDisjoint(entry.place, place))",
      "true",
      "are never more than requested or granted"
    ],
    [
      "fileSystem: open.length === 0 ? [] : [...open, ...denied]",
      "fileSystem: open",
      "are all requested permissions if all are granted"
    ],
    [
      "inner.startsWith(outer.endsWith(Nodepath.sep) ? outer : `${outer}${Nodepath.sep}`)",
      "inner.startsWith(outer)",
      "include nothing outside a path, whatever it looks like"
    ],
    [
      "const [inner, outer] = [normalize(path), normalize(directory)]",
      "const [inner, outer] = [path, directory]",
      "is compared without its dots"
    ]
  ]),
  ...inFile("src/internal/CanonicalJson.ts", "test/domain/Permissions.test.ts", [
    [".toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))", "", "does not depend on the order of keys"]
  ]),
  ...inFile("src/internal/VisibleText.ts", "test/internal/VisibleText.test.ts", [
    ["\\ufd3e\\ufd3f", "", "H01 shows every character that imitates an ASCII character that a shell knows"],
    [
      "!ordinaryLatin.test(character) &&",
      "false &&",
      "H01 shows every character that imitates an ASCII character that a shell knows"
    ]
  ]),
  ...inFile("src/internal/ShellCommand.ts", "test/internal/ShellCommand.test.ts", [
    [
      "if (systemShell.test(program)) return true",
      "if (/(?:^|\\/)(?:bash|sh|zsh)$/.test(program)) return true",
      "H22 is unwrapped only from the shells that Codex itself starts"
    ],
    [
      " || assignment.test(parts[0]) ? undefined",
      " ? undefined",
      "F39 that sets a variable is not one simple command"
    ],
    [
      "const runScript = /^-l?c$/",
      "const runScript = /^-[a-z]*c$/",
      "F39 is unwrapped only from `bash -c` and `bash -lc` with one script"
    ],
    [
      "parts.length !== 3",
      "parts.length < 3",
      "F39 is unwrapped only from `bash -c` and `bash -lc` with one script"
    ],
    [
      "if (beyondOneCommand.test(source)) return undefined\n",
      "",
      "F39 with shell syntax is not one simple command, not even inside quotes"
    ]
  ])
]
