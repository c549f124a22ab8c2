/** Files that go into a turn, staged where nobody can change them under it. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type * as StagingDirectory from "./StagingDirectory.ts"
import * as AttachmentStore from "./AttachmentStore.ts"
import type { AttachmentRejected } from "../domain/CodexError.ts"
import type * as Turn from "../domain/Turn.ts"

/** A staged file. `path` is absolute and private to this process; `size` is in bytes; `sha256` in hexadecimal. */
export const Attachment = Schema.Struct({
  path: Schema.String,
  /** The name that the file had. */
  name: Schema.String,
  size: Schema.Natural,
  /** `image/png`, `text/plain`, … told by the content and the name. */
  mediaType: Schema.String,
  sha256: Schema.String
})
export type Attachment = typeof Attachment.Type

export interface AttachmentOptions {
  /** Where files are staged: a folder of mode 0700; default: one for each user below the temporary folder. */
  readonly directory?: string | undefined
  /** The only folder that files may come from, followed through no link; default: files may come from anywhere. */
  readonly root?: string | undefined
  /** The most bytes that a file may have; default 20 MiB. */
  readonly maxBytes?: number | undefined
  /** The types that are allowed, like `["image/*", "text/plain"]`; default: all. */
  readonly mediaTypes?: ReadonlyArray<string> | undefined
  /** How long files stay that are staged without a time of their own; default: as long as their scope. */
  readonly ttl?: Duration.Input | undefined
}

export interface StageOptions {
  /** A name other than that of the file. */
  readonly name?: string | undefined
  /** The file stays that long, from now, even if its scope closes before; it never shortens the time of a file that is staged already. */
  readonly ttl?: Duration.Input | undefined
}

/** What has no name of its own needs one. */
export interface NamedOptions extends StageOptions {
  readonly name: string
}

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
  static readonly layerFileSystem = (
    options: AttachmentOptions
  ): Layer.Layer<Attachments, never, FileSystem.FileSystem> =>
    Layer.effect(Attachments, Effect.map(AttachmentStore.make(options), Attachments.of))

  /** With options; Node's services are included. */
  static readonly layerWith = (options: AttachmentOptions): Layer.Layer<Attachments> =>
    Attachments.layerFileSystem(options).pipe(Layer.provide(NodeServices.layer))

  /**
   * Stages below the temporary folder, where folders whose process is gone are removed when the layer starts. Node's
   * services are included.
   */
  static readonly layer: Layer.Layer<Attachments> = Attachments.layerWith({})
}

/** Runs something with the attachments of an input held: none is removed meanwhile, and one that is not whole is refused. */
export const holding =
  (input: Turn.TurnInput) =>
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
