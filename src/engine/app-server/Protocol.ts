/**
 * The wire types of `codex app-server` that this library uses, as Codex 0.169 generates them
 * (`codex app-server generate-ts --experimental`). Only this directory uses them: `Translate.ts` maps them to the domain types.
 */
import * as Schema from "effect/Schema"
import { ItemId, ThreadId, TurnId } from "../../domain/Ids.ts"
import type { ServerNotifications } from "./generated/Methods.ts"

const text = Schema.String
const nullish = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

export const Initialized = Schema.Struct({ userAgent: text, codexHome: Schema.optionalKey(text) })

const CollaborationMode = Schema.Struct({ mode: text })

export const ThreadOpened = Schema.Struct({
  thread: Schema.Struct({ id: ThreadId, path: nullish(text) }),
  model: text,
  modelProvider: nullish(text),
  cwd: text,
  sandbox: nullish(Schema.Unknown),
  activePermissionProfile: nullish(Schema.Unknown),
  runtimeWorkspaceRoots: nullish(Schema.Array(text)),
  approvalPolicy: nullish(Schema.Unknown),
  approvalsReviewer: nullish(text),
  serviceTier: nullish(text),
  reasoningEffort: nullish(text)
})

/** The reply to `thread/resume`, and to the other requests that open a thread, which do not report its mode. */
export const ThreadResumed = Schema.Struct({
  ...ThreadOpened.fields,
  collaborationMode: nullish(CollaborationMode)
})

export const SandboxPolicy = Schema.Struct({
  type: text,
  writableRoots: nullish(Schema.Array(text)),
  // `externalSandbox` has a name here.
  networkAccess: nullish(Schema.Union([Schema.Boolean, text])),
  excludeTmpdirEnvVar: nullish(Schema.Boolean),
  excludeSlashTmp: nullish(Schema.Boolean)
})

export const PermissionProfileRef = Schema.Struct({ id: text, extends: nullish(text) })

/** The approval policy in the replies that open a thread. Decoded separately, as the sandbox is. */
export const ThreadApprovals = Schema.Struct({
  approvalPolicy: Schema.Union([
    Schema.Literals(["untrusted", "on-request", "never"]),
    Schema.Struct({
      granular: Schema.Struct({
        sandbox_approval: Schema.Boolean,
        rules: Schema.Boolean,
        skill_approval: Schema.optionalKey(Schema.Boolean),
        request_permissions: Schema.optionalKey(Schema.Boolean),
        mcp_elicitations: Schema.Boolean
      })
    })
  ])
})

/** The configuration of the sandbox `workspace-write`. */
export const ConfigRead = Schema.Struct({
  config: Schema.Struct({
    model_reasoning_summary: nullish(text),
    sandbox_workspace_write: nullish(
      Schema.Struct({
        writable_roots: Schema.optionalKey(Schema.Array(text)),
        network_access: Schema.optionalKey(Schema.Boolean),
        exclude_tmpdir_env_var: Schema.optionalKey(Schema.Boolean),
        exclude_slash_tmp: Schema.optionalKey(Schema.Boolean)
      })
    )
  })
})

/** The sandbox in the replies that open a thread. Decoded separately, because an unknown sandbox must not keep a thread closed. */
export const ThreadSandbox = Schema.Struct({
  sandbox: SandboxPolicy,
  activePermissionProfile: nullish(PermissionProfileRef)
})

export const TurnAccepted = Schema.Struct({ turn: Schema.Struct({ id: TurnId }) })

/** The ids that every message of a turn carries. */
export const TurnIds = Schema.Struct({
  threadId: ThreadId,
  turnId: Schema.optionalKey(Schema.NullOr(TurnId))
})

/** The ids of a turn whose other fields cannot be decoded. */
export const TurnRef = Schema.Struct({ threadId: ThreadId, turn: Schema.Struct({ id: TurnId }) })

export const TokenUsage = Schema.Struct({
  inputTokens: Schema.Natural,
  cachedInputTokens: Schema.Natural,
  cacheWriteInputTokens: nullish(Schema.Natural),
  outputTokens: Schema.Natural,
  reasoningOutputTokens: Schema.Natural
})

export const TurnError = Schema.Struct({
  message: text,
  codexErrorInfo: nullish(Schema.Unknown),
  additionalDetails: nullish(text)
})

const moment = nullish(Schema.Finite)

const StoredTurn = Schema.Struct({
  id: TurnId,
  status: text,
  error: nullish(TurnError),
  completedAt: moment
})

export const ThreadRead = Schema.Struct({
  thread: Schema.Struct({
    status: Schema.optionalKey(Schema.Struct({ type: text })),
    turns: Schema.optionalKey(Schema.Array(StoredTurn))
  })
})

const StoredThread = Schema.Struct({
  id: ThreadId,
  name: nullish(text),
  preview: text,
  cwd: text,
  modelProvider: nullish(text),
  /** Seconds since the epoch. */
  createdAt: Schema.Finite,
  updatedAt: Schema.Finite,
  forkedFromId: nullish(ThreadId),
  parentThreadId: nullish(ThreadId),
  ephemeral: Schema.Boolean
})

export const ThreadList = Schema.Struct({ data: Schema.Array(StoredThread), nextCursor: nullish(text) })

const StoredItem = Schema.StructWithRest(Schema.Struct({ id: ItemId, type: text }), [
  Schema.Record(text, Schema.Unknown)
])

export const ThreadHistory = Schema.Struct({
  thread: Schema.Struct({
    ...StoredThread.fields,
    turns: Schema.Array(
      Schema.Struct({
        ...StoredTurn.fields,
        items: Schema.Array(StoredItem),
        startedAt: nullish(Schema.Finite),
        durationMs: nullish(Schema.Finite)
      })
    )
  })
})

/** A page of the turns of a thread. Times are in seconds since the epoch. */
export const TurnList = Schema.Struct({
  data: Schema.Array(
    Schema.Struct({
      ...StoredTurn.fields,
      items: Schema.Array(Schema.Struct({ clientId: nullish(text) })),
      startedAt: moment,
      completedAt: moment
    })
  ),
  nextCursor: nullish(text)
})

/** A page of the items of a turn. */
export const ItemList = Schema.Struct({
  data: Schema.Array(
    Schema.Struct({
      item: Schema.StructWithRest(
        Schema.Struct({ id: ItemId, type: text, startedAtMs: moment, completedAtMs: moment }),
        [Schema.Record(text, Schema.Unknown)]
      )
    })
  ),
  nextCursor: nullish(text)
})

export const ModelList = Schema.Struct({
  data: Schema.Array(
    Schema.Struct({
      model: text,
      displayName: text,
      description: text,
      isDefault: Schema.Boolean,
      supportedReasoningEfforts: Schema.Array(Schema.Struct({ reasoningEffort: text })),
      defaultReasoningEffort: nullish(text),
      inputModalities: Schema.optionalKey(Schema.Array(text))
    })
  ),
  nextCursor: nullish(text)
})

/** The content of a raw message of the model. */
export const MessageContent = Schema.Array(Schema.Struct({ text: nullish(text) }))

const Item = Schema.Struct({ id: ItemId, type: text })

const turnFields = { threadId: ThreadId, turnId: TurnId }
const Delta = Schema.Struct({ ...turnFields, itemId: ItemId, delta: text })
const ItemNotification = Schema.Struct({
  ...turnFields,
  item: Schema.StructWithRest(Item, [Schema.Record(text, Schema.Unknown)])
})

/** The notifications that this library interprets, by method. */
export const notifications = {
  "turn/started": Schema.Struct({
    threadId: ThreadId,
    turn: Schema.Struct({ id: TurnId, rootTurnId: nullish(TurnId) })
  }),
  "turn/completed": Schema.Struct({ threadId: ThreadId, turn: StoredTurn }),
  "thread/status/changed": Schema.Struct({ threadId: ThreadId, status: Schema.Struct({ type: text }) }),
  "item/started": ItemNotification,
  "item/completed": ItemNotification,
  "item/agentMessage/delta": Delta,
  "item/reasoning/summaryTextDelta": Delta,
  "item/reasoning/textDelta": Delta,
  "item/plan/delta": Delta,
  "item/commandExecution/outputDelta": Delta,
  "turn/plan/updated": Schema.Struct({
    ...turnFields,
    explanation: nullish(text),
    plan: Schema.Array(Schema.Struct({ step: text, status: text }))
  }),
  "turn/diff/updated": Schema.Struct({ ...turnFields, diff: text }),
  "thread/tokenUsage/updated": Schema.Struct({
    ...turnFields,
    tokenUsage: Schema.Struct({
      last: TokenUsage,
      total: nullish(TokenUsage),
      modelContextWindow: nullish(Schema.Unknown)
    })
  }),
  // Follows the reply to a request of the server, or withdraws the request.
  "serverRequest/resolved": Schema.Struct({
    threadId: ThreadId,
    requestId: Schema.Union([Schema.String, Schema.Finite])
  }),
  error: Schema.Struct({ ...turnFields, error: TurnError, willRetry: Schema.Boolean }),
  // Raw items carry prompts and outputs: decode only their kind, call id and tool name, and the script of a call. A review
  // needs their content too.
  "rawResponseItem/completed": Schema.Struct({
    ...turnFields,
    item: Schema.Struct({
      type: text,
      call_id: nullish(ItemId),
      name: nullish(text),
      role: nullish(text),
      content: nullish(Schema.Unknown),
      input: nullish(text)
    })
  }),
  "rawResponse/completed": Schema.Struct({ ...turnFields, responseId: text, usage: nullish(TokenUsage) })
}

/** The notifications about a thread that belong to no turn, by method. */
export const threadNotifications = {
  // The settings from the next turn on.
  "thread/settings/updated": Schema.Struct({
    threadId: ThreadId,
    threadSettings: Schema.Struct({
      cwd: text,
      model: text,
      modelProvider: nullish(text),
      sandboxPolicy: Schema.Unknown,
      activePermissionProfile: nullish(Schema.Unknown),
      approvalPolicy: nullish(Schema.Unknown),
      approvalsReviewer: nullish(text),
      serviceTier: nullish(text),
      effort: nullish(text),
      summary: nullish(text),
      collaborationMode: nullish(CollaborationMode)
    })
  })
}

const approvalFields = { threadId: ThreadId, turnId: TurnId, itemId: ItemId, reason: nullish(text) }

const FileSystemEntry = Schema.Struct({
  path: Schema.Struct({
    type: text,
    path: Schema.optionalKey(text),
    pattern: Schema.optionalKey(text),
    value: Schema.optionalKey(Schema.Unknown)
  }),
  access: text
})

const PermissionProfile = Schema.Struct({
  network: nullish(Schema.Struct({ enabled: nullish(Schema.Boolean) })),
  fileSystem: nullish(
    Schema.Struct({
      read: nullish(Schema.Array(text)),
      write: nullish(Schema.Array(text)),
      globScanMaxDepth: nullish(Schema.Natural),
      entries: nullish(Schema.Array(FileSystemEntry))
    })
  )
})

/** Schemas of optional parts of requests. Each part is decoded separately, so that an invalid one does not affect the others. */
export const requestParts = {
  permissions: PermissionProfile,
  network: Schema.Struct({ host: text, protocol: text }),
  /** A decision that Codex offers with the request for a command. */
  availableDecision: Schema.Union([
    text,
    Schema.Struct({
      acceptWithExecpolicyAmendment: Schema.Struct({ execpolicy_amendment: Schema.Array(text) })
    }),
    Schema.Struct({
      applyNetworkPolicyAmendment: Schema.Struct({
        network_policy_amendment: Schema.Struct({ host: text, action: text })
      })
    })
  ]),
  /** How long the approval of an MCP tool may last. */
  persistence: Schema.Struct({ persist: Schema.Union([text, Schema.Array(text)]) }),
  /** The tool call in the metadata of an elicitation that requests its approval. */
  toolApproval: Schema.Struct({
    codex_approval_kind: Schema.Literal("mcp_tool_call"),
    tool_name: text,
    tool_params: Schema.optionalKey(Schema.Unknown)
  }),
  /** The form of an elicitation, as far as it tells whether there is anything to fill in. */
  form: Schema.Struct({
    type: Schema.optionalKey(Schema.Literal("object")),
    properties: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
    required: nullish(Schema.Array(text))
  }),
  /** The thread id of legacy requests. */
  legacyThread: Schema.Struct({ conversationId: ThreadId })
}

/** The running commands of a thread. */
export const TerminalList = Schema.Struct({
  data: Schema.Array(
    Schema.Struct({
      processId: text,
      itemId: ItemId,
      command: text,
      cwd: text,
      osPid: nullish(Schema.Int),
      cpuPercent: nullish(Schema.Finite),
      rssKb: nullish(Schema.Finite)
    })
  ),
  nextCursor: nullish(text)
})

export const TerminalTerminated = Schema.Struct({ terminated: Schema.Boolean })

/** The result of `command/exec`. Its outputs are empty, because they are streamed. */
export const CommandResult = Schema.Struct({ exitCode: Schema.Int })

/** The notifications of commands that belong to no thread. */
export const commandNotifications = {
  "command/exec/outputDelta": Schema.Struct({
    processId: text,
    stream: Schema.Literals(["stdout", "stderr"]),
    deltaBase64: text
  })
}

/** The requests of the server that an approval policy or a tool answers, by method. */
export const serverRequests = {
  "item/commandExecution/requestApproval": Schema.Struct({
    ...approvalFields,
    kind: nullish(text),
    approvalId: nullish(text),
    command: nullish(text),
    cwd: nullish(text),
    networkApprovalContext: nullish(Schema.Unknown),
    additionalPermissions: nullish(Schema.Unknown),
    proposedExecpolicyAmendment: nullish(Schema.Unknown),
    availableDecisions: nullish(Schema.Array(Schema.Unknown))
  }),
  "item/fileChange/requestApproval": Schema.Struct({ ...approvalFields, grantRoot: nullish(text) }),
  "item/permissions/requestApproval": Schema.Struct({
    ...approvalFields,
    cwd: text,
    permissions: PermissionProfile
  }),
  "item/tool/requestUserInput": Schema.Struct({
    ...turnFields,
    itemId: ItemId,
    questions: Schema.Array(
      Schema.Struct({
        id: text,
        header: text,
        question: text,
        isOther: Schema.Boolean,
        isSecret: Schema.Boolean,
        options: nullish(Schema.Array(Schema.Struct({ label: text, description: text })))
      })
    )
  }),
  "mcpServer/elicitation/request": Schema.Struct({
    threadId: ThreadId,
    turnId: nullish(TurnId),
    serverName: text,
    mode: text,
    message: Schema.optionalKey(text),
    requestedSchema: Schema.optionalKey(Schema.Unknown),
    url: Schema.optionalKey(text),
    _meta: nullish(Schema.Unknown)
  }),
  "item/tool/call": Schema.Struct({ ...turnFields, callId: ItemId, tool: text, arguments: Schema.Unknown })
}

/** The declining reply for each request of the server that has one, by method. */
export const declineReplies: Readonly<Record<string, unknown>> = {
  "item/permissions/requestApproval": { permissions: {}, scope: "turn" },
  "item/tool/requestUserInput": { answers: {} },
  "mcpServer/elicitation/request": { action: "decline", content: null, _meta: null },
  applyPatchApproval: { decision: { denied: { rejection: "effect-codex does not support this request" } } },
  execCommandApproval: { decision: { denied: { rejection: "effect-codex does not support this request" } } }
}

/** Notifications of a turn that are not events of it: they repeat other notifications, or concern Codex's own clients. */
export const ignoredNotifications: ReadonlyArray<keyof ServerNotifications> = [
  "account/rateLimits/updated",
  "account/updated",
  "app/list/updated",
  "remoteControl/status/changed",
  "skills/changed",
  "thread/readState/changed",
  "thread/started",
  "item/fileChange/outputDelta",
  "item/reasoning/summaryPartAdded"
]
