/** Makes the classes of errors: tagged schemas that derive their class, retryability and message from their fields. */
import type * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { ThreadId, TurnId } from "./Ids.ts"
import * as Turn from "./Turn.ts"

/**
 * The kind of an error, for routing, alerting and retrying.
 * @since 0.1.0
 * @category schemas
 */
export const Class = Schema.Literals([
  "config",
  "engine",
  "protocol",
  "request",
  "auth",
  "transient",
  "quota",
  "timeout",
  "aborted",
  "budget",
  "output",
  "tool",
  "unknown"
])
export type Class = typeof Class.Type

/** Fields that every error has: the thread, the turn, and the state of the turn when it ended, usage included. */
const context = {
  threadId: Schema.optionalKey(ThreadId),
  turnId: Schema.optionalKey(TurnId),
  turn: Schema.optionalKey(Turn.Turn)
}

/** What the fields of an error imply. The message is `happened`, then the reason if there is one, then the next step. */
interface Facts<C extends Class> {
  readonly class: C
  readonly retryable: boolean
  readonly retryAfter?: Duration.Duration | undefined
  /** What happened, and to what. */
  readonly happened: string
  /** The reason that Codex, the provider or the system gave. */
  readonly reason?: string | undefined
  readonly nextStep: string
}

const summaryOf = ({ happened, nextStep }: Facts<Class>): string => `${happened}; ${nextStep}`

const messageOf = (facts: Facts<Class>): string =>
  facts.reason === undefined || facts.reason === ""
    ? summaryOf(facts)
    : `${facts.happened}: ${facts.reason}; ${facts.nextStep}`

/**
 * Properties that every error derives from its fields.
 * @since 0.1.0
 * @category models
 */
export interface ErrorInfo<C extends Class = Class> {
  readonly class: C
  /** Whether the same request may succeed later. */
  readonly retryable: boolean
  /** How long the provider asked to wait. */
  readonly retryAfter: Duration.Duration | undefined
  /** The message without the reason that Codex, the provider or the system gave, for people who must not see the host. */
  readonly summary: string
  /** What to do about it. The message ends with it. */
  readonly nextStep: string
  /** The `error.type` of telemetry: the tag, and the reason if the error has one. */
  readonly errorType: string
}

/**
 * The class of one error: a tagged schema that is yieldable and an `Error`.
 * @since 0.1.0
 * @category models
 */
export interface ErrorClass<
  Self,
  Tag extends string,
  Fields extends Schema.Struct.Fields,
  C extends Class
> extends Schema.Class<
  Self,
  Schema.TaggedStruct<Tag, Fields & typeof context>,
  Cause.YieldableError & ErrorInfo<C>
> {}

/**
 * Makes the class of an error from its tag, its own fields, and a function that derives `ErrorInfo` and the message. The
 * implementation is untyped in `Self`, because `Schema.TaggedError` accepts only a concrete class for it.
 */
export function make<Self>(): <
  const Tag extends string,
  const Fields extends Schema.Struct.Fields,
  C extends Class
>(
  tag: Tag,
  fields: Fields,
  facts: (error: Schema.Struct.Type<Fields>) => Facts<C>
) => ErrorClass<Self, Tag, Fields, C>
export function make() {
  return (tag: string, fields: Schema.Struct.Fields, facts: (error: unknown) => Facts<Class>): unknown => {
    const Base = Schema.TaggedError<Cause.YieldableError>()(tag, { ...fields, ...context })
    return class extends Base {
      declare readonly class: Class
      declare readonly retryable: boolean
      declare readonly retryAfter: Duration.Duration | undefined
      declare readonly errorType: string
      // Fields of the instance and not getters of the class, because only those appear in JSON and in the log.
      constructor(...parameters: ConstructorParameters<typeof Base>) {
        super(...parameters)
        const derived = facts(this)
        this.class = derived.class
        this.retryable = derived.retryable
        this.retryAfter = derived.retryAfter
        this.errorType = "reason" in this && typeof this.reason === "string" ? `${tag}.${this.reason}` : tag
      }
      get summary(): string {
        return summaryOf(facts(this))
      }
      get nextStep(): string {
        return facts(this).nextStep
      }
      override get message() {
        return messageOf(facts(this))
      }
    }
  }
}
