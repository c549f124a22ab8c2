/** Stages files for a turn in a private directory, so that other programs cannot change them during the turn. */
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
import { AttachmentRejected } from "../domain/CodexError.ts"
import * as ThreadAccess from "../domain/ThreadAccess.ts"
import type * as TurnOptions from "../domain/TurnOptions.ts"
import * as RealPath from "../internal/RealPath.ts"

export { Attachment } from "../domain/Attachment.ts"

export type { AttachmentOptions, NamedOptions, StageOptions } from "./AttachmentOptions.ts"

/**
 * The result of removing files: counts, bytes, milliseconds, and the files that could not be removed, which are not counted.
 * @since 0.1.0
 * @category models
 */
export type CleanupSummary = StagingDirectory.CleanupResult

/**
 * Stages files for turns. A staged file exists as long as the scope in which it was staged, or as long as its `ttl` if
 * that is longer, but never longer than the layer. Equal contents are stored once, whatever their names are.
 * @since 0.1.0
 * @category services
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Attachments, Codex } from "effect-codex"
 *
 * const program = Effect.gen(function* () {
 *   const { stage } = yield* Attachments
 *   const attachment = yield* stage("screenshot.png")
 *   const thread = yield* Codex.use(({ startThread }) => startThread({ sandbox: "read-only" }))
 *   return yield* thread.run([
 *     { _tag: "Text", text: "What is wrong here?" },
 *     { _tag: "Attachment", attachment }
 *   ])
 * }).pipe(Effect.scoped)
 * ```
 */
export class Attachments extends Context.Service<
  Attachments,
  {
    /** Stages a file. Rejects links, directories, FIFOs, devices and files that are not allowed, before reading a byte. */
    readonly stage: (
      path: string,
      options?: StageOptions
    ) => Effect.Effect<Attachment, AttachmentRejected, Scope.Scope>
    readonly stageBytes: (
      bytes: Uint8Array,
      options: NamedOptions
    ) => Effect.Effect<Attachment, AttachmentRejected, Scope.Scope>
    /** Stages the bytes of a stream. If the stream fails, this fails with its error and leaves no file. */
    readonly stageStream: <E, R>(
      stream: Stream.Stream<Uint8Array, E, R>,
      options: NamedOptions
    ) => Effect.Effect<Attachment, AttachmentRejected | E, R | Scope.Scope>
    /** Keeps a staged file until the scope closes. Fails if the file is missing or has changed. */
    readonly hold: (attachment: Attachment) => Effect.Effect<void, AttachmentRejected, Scope.Scope>
    /** Removes every staged file that no scope holds, whatever its `ttl` is. */
    readonly cleanup: Effect.Effect<CleanupSummary>
  }
>()("effect-codex/Attachments") {
  /**
   * The same as `layer`, with options, and writing through the provided `FileSystem`. Source files are always read with Node.
   * @since 0.1.0
   * @category layers
   * @example
   * ```ts
   * import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
   * import { Layer } from "effect"
   * import { Attachments } from "effect-codex"
   *
   * const AttachmentsLive = Attachments.layerNoDeps({ directory: "/var/lib/bot/attachments" }).pipe(
   *   Layer.provide(NodeFileSystem.layer)
   * )
   * ```
   */
  static readonly layerNoDeps = (
    options: AttachmentOptions
  ): Layer.Layer<Attachments, never, FileSystem.FileSystem> =>
    Layer.effect(Attachments, Effect.map(AttachmentStore.make(options), Attachments.of))

  /**
   * The same as `layer`, with options.
   * @since 0.1.0
   * @category layers
   * @example
   * ```ts
   * import { Attachments } from "effect-codex"
   *
   * const Uploads = Attachments.layerOptions({
   *   root: "/srv/uploads",
   *   maxBytes: 5 * 1024 * 1024,
   *   mediaTypes: ["image/*", "text/plain"]
   * })
   * ```
   */
  static readonly layerOptions = (options: AttachmentOptions): Layer.Layer<Attachments> =>
    Attachments.layerNoDeps(options).pipe(Layer.provide(NodeServices.layer))

  /**
   * Stages files in the state directory of the user. When the layer starts, it removes the directories of ended processes.
   * Includes Node's platform services.
   * @since 0.1.0
   * @category layers
   * @example
   * ```ts
   * import { Layer } from "effect"
   * import { AppServer, Attachments, Codex } from "effect-codex"
   *
   * const App = Codex.layer.pipe(Layer.provide(AppServer.layer), Layer.merge(Attachments.layer))
   * ```
   */
  static readonly layer: Layer.Layer<Attachments> = Attachments.layerOptions({})
}

/** What is known of the thread that a turn runs on: its access before the turn, and what the turn changes. */
export interface AttachmentTarget {
  /** Called only for an input with attachments, because it may resolve paths. */
  readonly access: () => ThreadAccess.ThreadAccess | undefined
  /** The real paths that approvals let the agent write. */
  readonly granted?: () => ReadonlyArray<string>
  readonly options: Pick<TurnOptions.TurnOptions, "cwd" | "sandbox">
}

/**
 * Holds the attachments of an input while an effect runs, so that none is removed. Fails if one is missing or has changed,
 * or if the agent could replace it.
 */
export const holding =
  (input: TurnOptions.TurnInput, target: AttachmentTarget = { access: () => undefined, options: {} }) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | AttachmentRejected, R> => {
    const staged = typeof input === "string" ? [] : input.filter((part) => part._tag === "Attachment")
    if (staged.length === 0) return effect
    const roots = ThreadAccess.writableRootsOfTurn(target.access(), target.options)
    const granted = target.granted?.() ?? []
    for (const { attachment } of staged) {
      const real = RealPath.resolve(attachment.path).real ?? attachment.path
      const bySandbox = RealPath.isAgentWritable(real, roots)
      if (!bySandbox && !granted.some((path) => RealPath.isWithin(real, path))) continue
      const cause = bySandbox ? "the sandbox of the thread may write" : "an approval lets the agent write"
      return Effect.fail(
        new AttachmentRejected({
          reason: "AgentWritable",
          path: attachment.name,
          detail: `${cause} "${attachment.path}"`
        })
      )
    }
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
