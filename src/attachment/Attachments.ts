/** Files that go into a turn, staged where nobody can change them under it. */
import { Attachment } from "../domain/Attachment.ts"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Context from "effect/Context"
import type { AttachmentOptions, NamedOptions, StageOptions } from "./AttachmentOptions.ts"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type * as StagingDirectory from "./StagingDirectory.ts"
import * as AttachmentStore from "./AttachmentStore.ts"
import type { AttachmentRejected } from "../domain/CodexError.ts"
import type * as TurnOptions from "../domain/TurnOptions.ts"

export { Attachment } from "../domain/Attachment.ts"

export type { AttachmentOptions, NamedOptions, StageOptions } from "./AttachmentOptions.ts"

/** What came of removing files: counts, bytes, milliseconds, and what could not be removed, which is in no count. */
export type CleanupSummary = StagingDirectory.CleanupResult

/**
 * Stages files for turns. A staged file lives as long as the scope it was staged in, or its `ttl` if that is longer, and
 * never longer than the layer. The same bytes are kept once, whatever names they come with.
 *
 * ```ts
 * const attachments = yield* Attachments
 * const screenshot = yield* attachments.stage("screenshot.png")
 * yield* thread.run([{ type: "text", text: "What is wrong here?" }, { type: "attachment", attachment: screenshot }])
 * ```
 */
export class Attachments extends Context.Service<
  Attachments,
  {
    /** Stages a file. Links, directories, FIFOs, devices and what is not allowed are refused before a byte is read. */
    readonly stage: (
      path: string,
      options?: StageOptions
    ) => Effect.Effect<Attachment, AttachmentRejected, Scope.Scope>
    readonly stageBytes: (
      bytes: Uint8Array,
      options: NamedOptions
    ) => Effect.Effect<Attachment, AttachmentRejected, Scope.Scope>
    /** Stages what a stream gives; the stream's own error ends it, and nothing is left. */
    readonly stageStream: <E, R>(
      stream: Stream.Stream<Uint8Array, E, R>,
      options: NamedOptions
    ) => Effect.Effect<Attachment, AttachmentRejected | E, R | Scope.Scope>
    /** Keeps a staged file for the scope; fails where it is gone, or is not what was staged. */
    readonly hold: (attachment: Attachment) => Effect.Effect<void, AttachmentRejected, Scope.Scope>
    /** Removes every staged file that nothing holds, whatever time it has left. */
    readonly cleanup: Effect.Effect<CleanupSummary>
  }
>()("effect-codex/Attachments") {
  /** Writes through the `FileSystem` at hand; the files that are staged are always read by Node. */
  static readonly layerNoDeps = (
    options: AttachmentOptions
  ): Layer.Layer<Attachments, never, FileSystem.FileSystem> =>
    Layer.effect(Attachments, Effect.map(AttachmentStore.make(options), Attachments.of))

  /** With options; Node's services are included. */
  static readonly layerOptions = (options: AttachmentOptions): Layer.Layer<Attachments> =>
    Attachments.layerNoDeps(options).pipe(Layer.provide(NodeServices.layer))

  /**
   * Stages below the temporary folder, where folders whose process is gone are removed when the layer starts. Node's
   * services are included.
   */
  static readonly layer: Layer.Layer<Attachments> = Attachments.layerOptions({})
}

/** Runs something with the attachments of an input held: none is removed meanwhile, and one that is not whole is refused. */
export const holding =
  (input: TurnOptions.TurnInput) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | AttachmentRejected, R> => {
    const staged = typeof input === "string" ? [] : input.filter((part) => part.type === "attachment")
    if (staged.length === 0) return effect
    return Effect.flatMap(Effect.serviceOption(Attachments), (attachments) =>
      Option.isNone(attachments)
        ? effect
        : Effect.scopedWith((scope) =>
            Effect.forEach(staged, ({ attachment }) => attachments.value.hold(attachment), {
              discard: true
            }).pipe(Scope.provide(scope), Effect.andThen(effect))
          )
    )
  }
