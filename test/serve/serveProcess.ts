/** `effect-codex serve` as a process of its own. */
import * as Effect from "effect/Effect"
import { type ChildProcess, spawn } from "node:child_process"
import { bundle } from "../support/bundle.ts"

const main = new URL("../../src/cli/main.ts", import.meta.url)

/** Returns the exit code of a process when it has ended. */
export const exited = (child: ChildProcess) =>
  Effect.promise(
    () =>
      new Promise<number | null>((resolve) => {
        if (child.exitCode !== null) resolve(child.exitCode)
        child.once("exit", (code) => resolve(code))
      })
  )

/** Starts `effect-codex serve`, and returns its address. It is killed with the scope. */
export const start = Effect.fnUntraced(function* (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>>
) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [bundle(main), "serve", ...args], {
        env: { PATH: process.env["PATH"], SSL_CERT_FILE: process.env["SSL_CERT_FILE"], ...env },
        stdio: ["ignore", "pipe", "pipe"]
      })
    ),
    (child) => Effect.sync(() => void child.kill("SIGKILL"))
  )
  let errors = ""
  child.stderr.on("data", (part) => (errors += String(part)))
  const url = yield* Effect.promise(
    () =>
      new Promise<string>((resolve, reject) => {
        child.stdout.once("data", (part) => resolve(String(part).trim()))
        child.once("exit", () => reject(new Error(`effect-codex serve has ended: ${errors}`)))
      })
  )
  return { child, url, errors: () => errors }
})
