/** Runs the real `codex app-server` behind a socket, and a proxy in front of it whose connections can be cut. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type * as Tool from "effect/ai/Tool"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
import { Codex, type ThreadOptions } from "../../src/Codex.ts"
import { ThreadId } from "../../src/domain/Ids.ts"
import * as AppServer from "../../src/engine/AppServer.ts"
import * as ModelServer from "../../src/testing/ModelServer.ts"
import * as CodexHome from "./codexHome.ts"
import { until } from "./live.ts"
import { command, launcherArgs } from "./realCodex.ts"

/** Starts the real Codex on a Unix socket in a directory of its own. It is killed when the scope closes. */
export const serve = Effect.fnUntraced(function* (
  env: Readonly<Record<string, string>>,
  listen: (directory: string) => string = (directory) => `unix://${directory}/codex.sock`,
  more: ReadonlyArray<string> = []
) {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped({ directory: "/var/tmp", prefix: "codex-socket-" })
  const address = listen(directory)
  const child = spawn(command, [...launcherArgs, "app-server", "--listen", address, ...more], {
    env: {
      PATH: process.env["PATH"],
      SSL_CERT_FILE: process.env["SSL_CERT_FILE"],
      LANG: "C.UTF-8",
      ...env
    },
    stdio: ["ignore", "ignore", "pipe"]
  })
  let stderr = ""
  child.stderr.on("data", (chunk) => (stderr += String(chunk)))
  const exited = once(child, "exit")
  const kill = Effect.promise(() => {
    child.kill("SIGKILL")
    return exited
  })
  yield* Effect.addFinalizer(() => kill)
  return { child, directory, kill, stderr: () => stderr, path: `${directory}/codex.sock` }
})

/** Whether a server accepts connections on a Unix socket. */
const accepts = (path: string) =>
  Effect.promise(
    () =>
      new Promise<boolean>((resolve) => {
        const socket = connect(path, () => resolve(true)).on("error", () => resolve(false))
        socket.on("connect", () => socket.destroy())
      })
  )

/** Listens on a Unix socket and forwards to another one. */
export const proxy = Effect.fnUntraced(function* (path: string, target: () => string) {
  const pairs = new Set<readonly [client: Socket, server: Socket]>()
  let connections = 0
  let mutes = false
  let swallows = false
  let received = 0
  let held: { text: string; readonly deliveries: Array<() => void> } | undefined
  let cutIn: { chunks: number; readonly done: () => void } | undefined
  const server = createServer((client) => {
    connections++
    const upstream = connect(target())
    const pair = [client, upstream] as const
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      client.destroy()
      upstream.destroy()
    }
    for (const socket of pair) socket.on("error", end).on("close", end)
    client.on("data", (chunk) => {
      received++
      if (!swallows) upstream.write(chunk)
    })
    upstream.on("data", (chunk) => {
      if (cutIn !== undefined && --cutIn.chunks < 0) {
        const { done } = cutIn
        cutIn = undefined
        for (const [client] of pairs) client.destroy()
        return done()
      }
      if (mutes) return
      if (held === undefined) return void client.write(chunk)
      held.text += String(chunk)
      held.deliveries.push(() => void client.write(chunk))
    })
  })
  yield* Effect.acquireRelease(
    Effect.promise(async () => {
      server.listen(path)
      await once(server, "listening")
    }),
    () =>
      Effect.sync(() => {
        for (const [client] of pairs) client.destroy()
        server.close()
      })
  )
  return {
    /** Breaks all connections. */
    cut: Effect.sync(() => {
      mutes = false
      swallows = false
      for (const [client] of pairs) client.destroy()
    }),
    /** Breaks all connections after so many more chunks of Codex, whose last one is lost. Completes when that has happened. */
    cutAfter: (chunks: number) =>
      Effect.callback<void>((resume) => {
        cutIn = { chunks, done: () => resume(Effect.void) }
        return Effect.sync(() => void (cutIn = undefined))
      }),
    /** Drops what Codex sends from now on, until the next cut. */
    mute: Effect.sync(() => void (mutes = true)),
    /** Keeps back what Codex sends from now on. */
    hold: Effect.sync(() => void (held = { text: "", deliveries: [] })),
    /** What is kept back. */
    held: () => held?.text ?? "",
    /** Delivers what was kept back. */
    release: Effect.sync(() => {
      for (const deliver of held?.deliveries ?? []) deliver()
      held = undefined
    }),
    /** How many chunks the clients have sent. */
    received: () => received,
    /** Drops what the client sends from now on, until the next cut. */
    swallow: Effect.sync(() => void (swallows = true)),
    /** Breaks all connections, and refuses new ones. */
    pause: Effect.promise(async () => {
      const closed = once(server, "close")
      server.close()
      for (const [client] of pairs) client.destroy()
      await closed
    }),
    /** Accepts connections again. */
    unpause: Effect.promise(async () => {
      server.listen(path)
      await once(server, "listening")
    }),
    connections: () => connections
  }
})

/** The real Codex with a scripted model behind a socket and a proxy. */
export const make = Effect.fnUntraced(function* (
  script: ModelServer.Script,
  options: { readonly config?: string } = {}
) {
  const fs = yield* FileSystem.FileSystem
  const model = yield* ModelServer.make(script)
  const env = yield* CodexHome.make(model, { config: options.config })
  const workspace = yield* Effect.flatMap(
    fs.makeTempDirectoryScoped({ prefix: "effect-codex-workspace-" }),
    fs.realPath
  )
  const scope = yield* Effect.scope
  const started = Effect.tap(serve(env), ({ path }) => until("codex listens", accepts(path)))
  const server = yield* started
  const path = `${server.directory}/proxy.sock`
  let current = server
  const line = yield* proxy(path, () => current.path)
  const settings = { cwd: workspace, sandbox: "workspace-write", approvalMode: "on-request" } as const
  const layerWith = (options: { readonly reconnectTimeout?: Duration.Input }) =>
    Layer.fresh(Codex.layer).pipe(Layer.provideMerge(AppServer.layerSocket({ path, ...options })))
  return {
    ...server,
    ...line,
    proxyPath: path,
    /** Kills Codex and starts another one with the same home behind the same proxy. */
    restart: Effect.gen(function* () {
      yield* current.kill
      current = yield* Scope.provide(started, scope)
    }),
    /** The path that Codex was given, without the proxy. */
    server: server.path,
    layerWith,
    model,
    workspace,
    layer: layerWith({}),
    start: <Tools extends Record<string, Tool.Any> = {}>(more: ThreadOptions<Tools> = {}) =>
      Effect.flatMap(Codex, (codex) => codex.startThread({ ...settings, ...more })),
    resume: <Tools extends Record<string, Tool.Any> = {}>(id: string, more: ThreadOptions<Tools> = {}) =>
      Effect.flatMap(Codex, (codex) => codex.resumeThread(ThreadId.make(id), { ...settings, ...more })),
    touch: (name: string) => Effect.orDie(fs.writeFileString(`${workspace}/${name}`, "")),
    exists: (name: string) => Effect.orDie(fs.exists(`${workspace}/${name}`))
  }
})
