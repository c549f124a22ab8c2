/**
 * The code around a fragment of a page. A block with `in="thread"` is compiled, and run, inside the context `thread`: after
 * its setup, and inside a generator unless the context is of a module. Names of the libraries are imported by themselves.
 */

export interface Context {
  /** What exists before the fragment. */
  readonly setup: string
  /** Where the fragment is: between the statements of a module, or inside `Effect.gen`. */
  readonly place: "module" | "generator"
  /** Code after the fragment that uses it. */
  readonly after?: string
}

const codex = `const codex = yield* Codex`
const thread = `${codex}
const thread = yield* codex.startThread({ sandbox: "read-only" })`

const program = `const program = Effect.gen(function* () {
  const codex = yield* Codex
  const thread = yield* codex.startThread({ sandbox: "read-only" })
  const turn = yield* thread.run("Is all well?")
  yield* Console.log(turn.message)
}).pipe(Effect.scoped)`

export const contexts: Readonly<Record<string, Context>> = {
  /** `program` uses `Codex`. A line of the fragment that starts with `program.pipe(` is what runs. */
  program: { setup: program, place: "module" },
  /** `isChosenByPerson` is a function of the program. */
  amendments: {
    setup: "declare const isChosenByPerson: (request: Approval.ApprovalRequest) => boolean",
    place: "module"
  },
  /** `policy` is a policy of the reader. */
  policy: { setup: "const policy = Approval.deny", place: "generator" },
  /** `cwd` is a directory. */
  command: { setup: "const cwd = process.cwd()", place: "module" },
  /** `token` is a secret. */
  token: {
    setup: 'const token = Redacted.make("secret")',
    place: "generator",
    after: "const codex = yield* Codex\nyield* codex.startThread({ mcpServers })"
  },
  /** The program has an OpenTelemetry SDK. */
  sdk: {
    setup: `declare const spanProcessor: import("@opentelemetry/sdk-trace").SpanProcessor
declare const metricReader: import("@opentelemetry/sdk-metrics").MetricReader`,
    place: "module"
  },
  /** The test has a script. */
  scripted: { setup: "", place: "generator" },
  /** The fragment defines values. */
  module: { setup: "", place: "module" },
  /** `App` is the layer of Codex, `program` uses it. */
  app: { setup: `const App = Codex.layer.pipe(Layer.provide(AppServer.layer))\n${program}`, place: "module" },
  generator: { setup: "", place: "generator" },
  codex: { setup: codex, place: "generator" },
  thread: { setup: thread, place: "generator" },
  turn: { setup: `${thread}\nconst turn = yield* thread.run("Is all well?")`, place: "generator" },
  /** `fixTicket` is a program that a test runs. */
  test: {
    setup: `const fixTicket = (id: string) =>
  Effect.gen(function* () {
    yield* Scripted.play([Scripted.message("Fixed.")])
    const codex = yield* Codex
    const thread = yield* codex.startThread()
    return yield* thread.run(\`Fix \${id}\`)
  }).pipe(Effect.scoped)`,
    place: "module"
  }
}
