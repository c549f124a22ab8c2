/**
 * A program that runs turns at once, with this library, with `@openai/codex-sdk` or with the minimal driver (driver.ts): the
 * process that parallel.ts measures, with its children. It loads only the library that it uses, so that its memory is that
 * of a program with this library.
 */
import * as Memory from "./memory.ts"
import type * as Model from "./model.ts"

/** What the host runs. `environment` is that of Codex's processes. */
export interface HostOptions {
  readonly contender: "effect-codex" | "codex-sdk" | "driver"
  readonly command: string
  readonly place: Model.Place
  readonly environment: Record<string, string>
  readonly prompt: string
  readonly answer: string
}

/** Runs turns at once, each on a new thread, and resolves to how long they took in milliseconds. */
export type Wave = (turns: number) => Promise<Measured>

/**
 * `wall` is the time of the turns on open threads, `opening` the time to open the threads before them. The CPU times are
 * those of the turns on open threads: of the program itself, and of its Codex processes. All in milliseconds.
 */
export interface Measured {
  readonly opening: number
  readonly wall: number
  readonly hostCpu: number
  readonly codexCpu: number
}

/** Starts a contender. Its Codex process, if it has one, runs from now on. */
type Start = (options: HostOptions) => Promise<{
  /** Opens threads, and returns for each how to run a turn. */
  readonly open: (threads: number) => Promise<{
    readonly turns: ReadonlyArray<() => Promise<string>>
    readonly close: () => Promise<void>
  }>
  readonly close: () => Promise<void>
}>

const effectCodex: Start = async ({ command, place, prompt }) => {
  const [Effect, Exit, Layer, ManagedRuntime, Scope, { AppServer, Codex }] = await Promise.all([
    import("effect/Effect"),
    import("effect/Exit"),
    import("effect/Layer"),
    import("effect/ManagedRuntime"),
    import("effect/Scope"),
    import("../src/index.ts")
  ])
  const layer = AppServer.layerOptions({ codexPath: command, env: place.env })
  const runtime = ManagedRuntime.make(Codex.layer.pipe(Layer.provide(layer)))
  const codex = await runtime.runPromise(Effect.orDie(Codex))
  return {
    open: async (count) => {
      const scope = Scope.makeUnsafe()
      const thread = codex.startThread({ cwd: place.cwd, sandbox: "read-only", approvalMode: "never" })
      const threads = await runtime.runPromise(
        Effect.all(
          Array.from({ length: count }, () => thread),
          { concurrency: "unbounded" }
        ).pipe(Scope.provide(scope))
      )
      return {
        turns: threads.map(
          (thread) => () =>
            runtime.runPromise(
              Effect.map(thread.run(prompt, { timeout: "10 minutes" }), ({ message }) => message)
            )
        ),
        close: () => runtime.runPromise(Scope.close(scope, Exit.void))
      }
    },
    close: () => runtime.dispose()
  }
}

const sdk: Start = async ({ command, environment, place, prompt }) => {
  const { Codex } = await import("@openai/codex-sdk")
  const codex = new Codex({ codexPathOverride: command, env: environment })
  return {
    open: async (count) => ({
      turns: Array.from({ length: count }, () => {
        const thread = codex.startThread({
          workingDirectory: place.cwd,
          sandboxMode: "read-only",
          approvalPolicy: "never",
          skipGitRepoCheck: true
        })
        return async () => (await thread.run(prompt)).finalResponse
      }),
      close: async () => {}
    }),
    close: async () => {}
  }
}

const driver: Start = async ({ command, environment, place, prompt }) => {
  const Driver = await import("./driver.ts")
  const codex = await Driver.start(command, environment)
  return {
    open: async (count) => {
      const thread = () =>
        codex.startThread({ cwd: place.cwd, sandbox: "read-only", approvalPolicy: "never" })
      const threads = await Promise.all(Array.from({ length: count }, thread))
      return { turns: threads.map((thread) => () => thread.run(prompt)), close: async () => {} }
    },
    close: codex.close
  }
}

const starts: Readonly<Record<HostOptions["contender"], Start>> = {
  "effect-codex": effectCodex,
  "codex-sdk": sdk,
  driver
}

/** Returns the CPU times of this program and of its Codex processes until now, in milliseconds. */
const cpuTimes = () => {
  const { system, user } = process.cpuUsage()
  return { host: (system + user) / 1000, codex: Memory.descendantsCpu(process.pid) }
}

const serve = async (options: HostOptions) => {
  const host = await starts[options.contender](options)
  const wave: Wave = async (count) => {
    const start = performance.now()
    const { close, turns } = await host.open(count)
    const opening = performance.now() - start
    const before = cpuTimes()
    const opened = performance.now()
    const messages = await Promise.all(turns.map((turn) => turn()))
    const wall = performance.now() - opened
    const after = cpuTimes()
    await close()
    const wrong = messages.find((message) => message !== options.answer)
    if (wrong !== undefined) throw new Error(`${options.contender} received "${wrong}"`)
    return { opening, wall, hostCpu: after.host - before.host, codexCpu: after.codex - before.codex }
  }
  process.on("message", (message: { readonly turns: number }) => {
    void wave(message.turns).then(
      (measured) => process.send?.(measured),
      (error: unknown) => process.send?.({ error: String(error) })
    )
  })
  process.once("disconnect", () => void host.close().then(() => process.exit()))
  process.send?.("ready")
}

process.once("message", (options: HostOptions) => void serve(options))
