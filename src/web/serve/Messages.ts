/**
 * What the server of `effect-codex serve` sends, as far as the page reads it. `test/serve/Messages.test.ts` compares these types with
 * the schemas of the server. Times are in milliseconds since the epoch.
 */

export type CallerRole = "read" | "submit" | "approve"

export interface LoginMessage {
  readonly session: string
  readonly name: string
  readonly roles: ReadonlyArray<CallerRole>
  readonly expiresAt: number
}

export interface MeMessage {
  readonly name: string
  readonly roles: ReadonlyArray<CallerRole>
  readonly directory: string
  readonly sandbox: string
  readonly network: boolean
  readonly approvalTimeout: number
  readonly durable: boolean
}

export interface InboxMessage {
  readonly id: string
  readonly threadId?: string
  /** The key of the durable turn that asks. */
  readonly turnKey?: string
  readonly title: string
  readonly at: number
  readonly deadline?: number
  readonly hash: string
}

export interface DurableTurnMessage {
  readonly key: string
  readonly thread: string
  readonly status: "submitted" | "running" | "waiting" | "completed" | "failed" | "interrupted"
  readonly interruptRequestedAt: number | null
  readonly submittedAt: number
  readonly startedAt: number | null
  readonly endedAt: number | null
}

export interface OpenMessage {
  readonly id: string
  readonly running: boolean
  /** Another number for each turn. */
  readonly turn?: number
}

export interface StateMessage {
  readonly inbox: ReadonlyArray<InboxMessage>
  readonly open: ReadonlyArray<OpenMessage>
  /** Only from a server with a database. */
  readonly durable?: {
    readonly available: boolean
    readonly turns: ReadonlyArray<DurableTurnMessage>
  }
}

export interface FieldMessage {
  readonly id: string
  readonly label: string
  readonly kind: "text" | "secret" | "number" | "boolean" | "choice" | "choices"
  readonly required: boolean
  readonly other: boolean
  readonly options: ReadonlyArray<{ readonly label: string; readonly value: string }>
}

export interface RequestMessage extends InboxMessage {
  readonly from: number
  readonly lines: ReadonlyArray<string>
  readonly total: number
  readonly answer: "decision" | "answers" | "content" | "decline"
  readonly fields: ReadonlyArray<FieldMessage>
}

export interface ThreadMessage {
  readonly id: string
  readonly name?: string
  readonly preview: string
  readonly createdAt: number
  readonly updatedAt: number
  readonly open: boolean
}

/** An item of a turn. Each kind has more fields; the page reads them by name and shows every value as text. */
export interface ItemMessage {
  readonly type: string
  readonly id: string
}

export interface TurnMessage {
  readonly id: string
  readonly status: "completed" | "failed" | "interrupted" | "inProgress"
  readonly items: ReadonlyArray<ItemMessage>
  readonly error?: string
  readonly startedAt?: number
  readonly duration?: number
}

export interface HistoryMessage {
  readonly id: string
  readonly name?: string
  readonly preview: string
  readonly turns: ReadonlyArray<TurnMessage>
}

export interface WindowMessage {
  readonly usedPercent: number
  readonly windowMillis?: number
  readonly resetsAt?: number
}

export interface LimitsMessage {
  readonly limits: ReadonlyArray<{
    readonly id: string
    readonly name?: string
    readonly plan?: string
    readonly reached?: string
    readonly primary?: WindowMessage
    readonly secondary?: WindowMessage
  }>
}

/** The error body of every endpoint. */
export interface ErrorMessage {
  readonly error: string
  readonly message: string
  readonly retryable: boolean
}
