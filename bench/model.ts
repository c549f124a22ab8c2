/**
 * The model of the benchmarks, in its own process so that its work is not measured. It repeats the same turn. It also
 * owns the directories of the contenders and removes them when it ends.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import type * as Scope from "effect/Scope"
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import * as ModelServer from "../src/testing/ModelServer.ts"

// For each model request, Codex reads all certificates of these files in addition to those of the system, also for a model
// that speaks plain HTTP: 144 certificates take 20 ms of CPU. They belong to the machine and not to what is compared.
for (const name of ["SSL_CERT_FILE", "SSL_CERT_DIR", "CODEX_CA_CERTIFICATE"]) delete process.env[name]

/** The workplace of one contender: an environment with its own Codex home, and a directory without git. */
export interface Place {
  readonly env: { readonly HOME: string; readonly CODEX_HOME: string; readonly MOCK_API_KEY: string }
  readonly config: string
  readonly cwd: string
}

/** The final message of the model. */
export const answer = "Done."

/** The chunks of the long answer. */
export const longAnswer = Array.from({ length: 100 }, (_, index) => `word${index} `)

/**
 * `short` answers immediately. `long` runs a command and calls the tool `lookup_ticket`, then streams for a second; it
 * needs a new thread for each turn.
 */
export type Kind = "short" | "long"

const { call, reply, shell, text, usage } = ModelServer

const replies: Readonly<Record<Kind, ModelServer.Reply | ModelServer.Respond>> = {
  short: reply(text(answer), usage({ input: 100, output: 2 })),
  long: ({ toolOutputs }) =>
    toolOutputs.length === 0
      ? reply(shell("echo one"), call("lookup_ticket", { id: "T-42" }), usage({ input: 100, output: 20 }))
      : reply(
          text(longAnswer.join(""), { deltas: longAnswer, every: "9 millis" }),
          usage({ input: 200, cachedInput: 100, output: 100 })
        )
}

const self = fileURLToPath(import.meta.url)

/** Starts a model with a workplace for each contender, until the scope closes. */
export const start = (
  contenders: number,
  kind: Kind = "short"
): Effect.Effect<ReadonlyArray<Place>, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const child = fork(self, [String(contenders), kind], { execArgv: [] })
      const [places] = await Promise.race([
        once(child, "message"),
        once(child, "exit").then(() => [undefined])
      ])
      if (places === undefined) throw new Error("the model did not start")
      return { child, places }
    }),
    ({ child }) => Effect.promise(() => stop(child))
  ).pipe(Effect.map(({ places }) => places))

const stop = async (child: ChildProcess) => {
  const exit = once(child, "exit")
  if (child.connected) child.disconnect()
  if (child.exitCode === null && child.signalCode === null) await exit
}

const serve = (contenders: number, kind: Kind) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const server = yield* ModelServer.make([], { otherwise: replies[kind], keep: 1 })
    const place = Effect.gen(function* () {
      const env = yield* ModelServer.home(server)
      const cwd = path.join(env.HOME, "work")
      yield* fs.makeDirectory(cwd)
      return { env, config: server.config(), cwd } satisfies Place
    })
    const places = yield* Effect.replicateEffect(place, contenders)
    yield* Effect.callback<void>((resume) => {
      process.once("disconnect", () => resume(Effect.void))
      process.send?.(places)
    })
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

if (process.argv[1] === self && process.send !== undefined) {
  // Ctrl-C reaches the whole process group, but only the parent process decides when the model ends.
  process.on("SIGINT", () => {})
  await Effect.runPromise(serve(Number(process.argv[2]), process.argv[3] === "long" ? "long" : "short"))
}
