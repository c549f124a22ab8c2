/** How an operation ended, in signals. */

/**
 * How an operation ended: successfully, with an error type, or by interruption of its turn. A command with the end
 * `Background` continued to run when its turn ended.
 * @since 0.1.0
 * @category models
 */
export type SignalEnd =
  | { readonly _tag: "Ok" }
  | { readonly _tag: "Error"; readonly errorType: string; readonly status?: number | undefined }
  | { readonly _tag: "Interrupted" }
  | { readonly _tag: "Background" }

/**
 * The end of something that succeeded.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Signal } from "effect-codex"
 *
 * const succeeded = ({ end }: Signal.ToolStop) => end._tag === Signal.ok._tag
 * ```
 */
export const ok: SignalEnd = { _tag: "Ok" }
/**
 * The end of something that was interrupted, usually with its turn.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Signal } from "effect-codex"
 *
 * const wasInterrupted = ({ end }: Signal.ToolStop) => end._tag === Signal.interrupted._tag
 * ```
 */
export const interrupted: SignalEnd = { _tag: "Interrupted" }
/**
 * The end of a command that continues in the background when its turn ends.
 * @since 0.1.0
 * @category constructors
 * @example
 * ```ts
 * import { Signal } from "effect-codex"
 *
 * const runsOn = ({ end }: Signal.ToolStop) => end._tag === Signal.background._tag
 * ```
 */
export const background: SignalEnd = { _tag: "Background" }
