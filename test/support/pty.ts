/** Runs the command line on a real pseudo-terminal, with `script` of util-linux. */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { bundle } from "./bundle.ts"

const main = new URL("../../src/cli/main.ts", import.meta.url)

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

export interface PtyOptions {
  readonly args: ReadonlyArray<string>
  /** The environment, in addition to `PATH`. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly columns?: number
  readonly rows?: number
  /** The file that gets stdout instead of the terminal. */
  readonly stdout?: string
  /** A shell command that runs on the terminal when the program has ended. */
  readonly after?: string
}

/** Starts `effect-codex` on a terminal of its own. It ends with the scope. */
export const start = Effect.fnUntraced(function* (options: PtyOptions) {
  const { after, columns = 80, rows = 24, stdout } = options
  const run = [process.execPath, bundle(main), ...options.args].map(quote).join(" ")
  const redirect = stdout === undefined ? "" : ` > ${quote(stdout)}`
  const command =
    after === undefined ? `exec ${run}${redirect}` : `tty; ${run}${redirect}; code=$?; ${after}; exit $code`
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn("script", ["-qfec", `stty cols ${columns} rows ${rows}; ${command}`, "/dev/null"], {
        cwd: options.cwd,
        env: {
          PATH: process.env["PATH"],
          NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
          SSL_CERT_FILE: process.env["SSL_CERT_FILE"],
          SHELL: "/bin/sh",
          TERM: "xterm",
          ...options.env
        }
      })
    ),
    (child) => Effect.sync(() => void child.kill("SIGTERM"))
  )
  let output = ""
  const ended: { code?: number } = {}
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text
  })
  // The input of a program that has ended.
  child.stdin.on("error", () => {})
  child.on("exit", (exitCode) => {
    ended.code = exitCode ?? -1
  })
  /** Waits until the terminal shows the text `times` times, or the program ends. Whether it shows it. */
  const waitFor = Effect.fnUntraced(function* (text: string, times = 1) {
    const deadline = Date.now() + 60_000
    const isShown = () => output.split(text).length > times
    while (!isShown() && ended.code === undefined && Date.now() < deadline) yield* Effect.sleep("20 millis")
    return isShown()
  })
  const exit = Effect.gen(function* () {
    const deadline = Date.now() + 60_000
    while (ended.code === undefined && Date.now() < deadline) yield* Effect.sleep("20 millis")
    return ended.code
  })
  return {
    /** Everything that the terminal got. */
    output: () => output,
    type: (text: string) => Effect.sync(() => void child.stdin.write(text)),
    waitFor,
    exit
  }
})

export type Pty = Effect.Success<ReturnType<typeof start>>
