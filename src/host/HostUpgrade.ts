/**
 * Updates a host for a program that is newer. A newer effect-codex replaces the supervisor, which leaves Codex running. A newer
 * Codex takes the new turns, while the old one finishes its own. An older program uses the host as it is.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as SemVer from "effect/SemVer"
import * as CodexError from "../domain/CodexError.ts"
import * as CodexBinary from "../engine/app-server/CodexBinary.ts"
import { version } from "../internal/version.ts"
import * as CodexProgram from "./CodexProgram.ts"
import type { EngineHostOptions } from "./HostSettings.ts"
import type { Generation, HostState } from "./HostState.ts"

/** What a program needs before it uses a host. */
export type Upgrade =
  | { readonly _tag: "None" }
  /** The supervisor is older than this program. */
  | { readonly _tag: "Supervisor" }
  /** The Codex of this program is newer than that of the host. */
  | { readonly _tag: "Codex"; readonly codexPath: string }

const parse = (text: string | undefined) => Result.getSuccess(SemVer.parse(text ?? ""))

/** Whether both are versions, and the first is newer. */
export const isNewer = (candidate: string | undefined, than: string | undefined): boolean =>
  Option.getOrElse(
    Option.zipWith(parse(candidate), parse(than), (a, b) => SemVer.isGreaterThan(a, b)),
    () => false
  )

/** The versions of program files, because a version costs a process. */
const versions = new Map<string, string | undefined>()

const versionOf = (binary: CodexBinary.CodexBinary, fingerprint: string) =>
  versions.has(fingerprint)
    ? Effect.succeed(versions.get(fingerprint))
    : Effect.tap(CodexProgram.version(binary), (found) => Effect.sync(() => versions.set(fingerprint, found)))

const conflict = (directory: string, detail: string) =>
  new CodexError.EngineStartFailed({ reason: "HostConflict", path: directory, detail })

/** Returns what this program must update. Fails if the program asks for a Codex that the host does not run and that is no newer. */
export const check = Effect.fnUntraced(
  function* (options: EngineHostOptions, directory: string, state: HostState, generation: Generation) {
    // A service manager starts its own version, and would fight with this one.
    if (!state.isService && isNewer(version, state.libraryVersion))
      return { _tag: "Supervisor" } satisfies Upgrade
    const binary = yield* Effect.option(CodexBinary.find(options.codexPath, process.env))
    // A program without a Codex of its own uses that of the host.
    if (Option.isNone(binary) && options.codexPath === undefined) return { _tag: "None" } satisfies Upgrade
    if (Option.isNone(binary)) return yield* conflict(directory, `${options.codexPath} does not exist`)
    const fingerprint = CodexProgram.fingerprint(binary.value)
    if (fingerprint === generation.binary) return { _tag: "None" } satisfies Upgrade
    const found = yield* versionOf(binary.value, fingerprint)
    if (isNewer(found, generation.codexVersion))
      return {
        _tag: "Codex",
        codexPath: binary.value.args[0] ?? binary.value.command
      } satisfies Upgrade
    if (options.codexPath !== undefined && found !== generation.codexVersion)
      return yield* conflict(
        directory,
        `it runs codex ${generation.codexVersion ?? "of an unknown version"}, and codexPath leads to ${found ?? "a program without a version"}`
      )
    return { _tag: "None" } satisfies Upgrade
  },
  Effect.provide(Layer.merge(NodeFileSystem.layer, NodePath.layer))
)
