/** The directory of an engine host as an attacker or a crash may leave it, without a supervisor. */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import * as HostState from "../../src/host/HostState.ts"
import * as ProcessIdentity from "../../src/internal/ProcessIdentity.ts"
import { version } from "../../src/internal/version.ts"

export const mark = "host-0123456789abcdef01234567"
export const socket = "codex-1-0badcafe.sock"

/** A process with a session of its own, such as a Codex of a host has. It is killed when the scope closes. */
export const bystander = Effect.gen(function* () {
  const child = yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const child = spawn("sleep", ["600"], { detached: true, stdio: "ignore" })
      await once(child, "spawn")
      return child
    }),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  return yield* ProcessIdentity.of(child.pid ?? -1)
})

/** Returns the state of a host with one Codex. */
export const state = (
  supervisor: ProcessIdentity.Owner,
  codex: ProcessIdentity.Owner,
  changes: Partial<HostState.HostState> = {},
  generation: Partial<HostState.Generation> = {}
): HostState.HostState => ({
  format: 1,
  supervisor,
  libraryVersion: version,
  isService: false,
  settings: "0123456789abcdef",
  startedAt: 0,
  restarts: 0,
  generations: [
    {
      id: 1,
      process: codex,
      socket,
      mark,
      ready: true,
      draining: false,
      binary: "",
      startedAt: 0,
      ...generation
    }
  ],
  ...changes
})

/** Writes a state file without the checks of the library. */
export const write = (dir: string, value: unknown): void =>
  writeFileSync(`${dir}/host.json`, typeof value === "string" ? value : JSON.stringify(value), {
    mode: 0o600
  })
