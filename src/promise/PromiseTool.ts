/** Tools with promises: functions of a script that the agent may call. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"

/**
 * A function that the agent may call.
 * @since 0.1.0
 * @category models
 */
export interface ToolDefinition<A> {
  /** Letters, digits, `_` and `-`, at most 64. */
  readonly name: string
  /** Tells the model what the tool does and when to use it. */
  readonly description: string
  /** The schema of the arguments, a `Schema.Struct`. Arguments that do not match are an error for the model. */
  readonly parameters: Schema.Codec<A, unknown>
  /** Whether the tool only reads. A turn that called only such tools may be retried. Default: false. */
  readonly readOnly?: boolean | undefined
  /** Whether `CodexOptions.approve` decides about each call. Default: false. */
  readonly needsApproval?: boolean | undefined
  /**
   * Returns the result, any JSON value. A rejection is an error for the model, with the message of the error. The signal is
   * aborted if the turn is interrupted.
   */
  readonly run: (args: A, context: { readonly signal: AbortSignal }) => unknown
}

/**
 * A tool with its types hidden, so that a list can have different tools.
 * @since 0.1.0
 * @category models
 */
export interface PromiseTool {
  readonly name: string
  readonly description: string
  readonly parameters: Schema.Codec<unknown, unknown>
  readonly readOnly: boolean
  readonly needsApproval: boolean
  readonly call: (args: unknown, signal: AbortSignal) => Promise<unknown>
}

/**
 * Makes a tool for `ThreadOptions.tools`.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { tool } from "effect-codex/promise"
 *
 * const lookup = tool({
 *   name: "lookup_ticket",
 *   description: "Reads a ticket",
 *   parameters: Schema.Struct({ id: Schema.String }),
 *   run: async ({ id }) => ({ title: `The build of ${id} fails` })
 * })
 * ```
 */
export const tool = <A>(definition: ToolDefinition<A>): PromiseTool => {
  const { description, name, needsApproval = false, parameters, readOnly = false, run } = definition
  // The library has decoded the arguments with `parameters`. The check only restores their type.
  const isArguments = Schema.is(Schema.toType(parameters))
  return {
    name,
    description,
    parameters,
    readOnly,
    needsApproval,
    call: async (args, signal) => {
      if (!isArguments(args)) throw new TypeError(`invalid arguments for the tool ${name}`)
      return await run(args, { signal })
    }
  }
}

const failure = Schema.Struct({ message: Schema.String })

const toTool = ({ description, name, needsApproval, parameters, readOnly }: PromiseTool) =>
  Tool.make(name, { description, parameters, success: Schema.Unknown, failure, needsApproval }).annotate(
    Tool.Readonly,
    readOnly
  )

/** Returns the toolkit of some tools with its handlers. */
export const toToolkit = (tools: ReadonlyArray<PromiseTool>) => {
  const toolkit = Toolkit.make(...tools.map(toTool))
  const handlers = Object.fromEntries(
    tools.map((each) => [
      each.name,
      (args: unknown) =>
        Effect.tryPromise({
          try: async (signal) => (await each.call(args, signal)) ?? null,
          catch: (error) => ({ message: error instanceof Error ? error.message : String(error) })
        })
    ])
  )
  return Effect.flatMap(toolkit.toHandlers(handlers), (services) =>
    Effect.map(Effect.provideContext(toolkit, services), (ready) => ({ toolkit: ready, services }))
  )
}
