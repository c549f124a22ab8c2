/** Checks of Codex itself: the binary, its configuration, the login and the sandbox. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ChildProcess from "effect/process/ChildProcess"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import type { Codex } from "../../Codex.ts"
import type * as CodexError from "../../domain/CodexError.ts"
import * as ChildEnvironment from "../../engine/app-server/ChildEnvironment.ts"
import * as CodexBinary from "../../engine/app-server/CodexBinary.ts"
import { type CheckResult, fromError, ok, problem, warning } from "./DoctorReport.ts"

/** The account as Codex reports it. The first request starts Codex, so an error can be that of the start. */
export const account = (codex: Codex["Service"]) =>
  codex.request("account/read", { refreshToken: false }).pipe(Effect.result)

export type AccountReply = Effect.Success<ReturnType<typeof account>>

/** The error of the start, if Codex did not start. */
export const startError = (reply: Result.Result<unknown, CodexError.CodexError>) => {
  if (reply._tag === "Success") return undefined
  const { failure } = reply
  return failure._tag === "CodexNotFound" ||
    failure._tag === "CodexVersionUnsupported" ||
    failure._tag === "EngineStartFailed"
    ? failure
    : undefined
}

const isBadHome = (error: CodexError.CodexError | undefined): boolean =>
  error?._tag === "EngineStartFailed" && error.reason === "BadHome"

/** What a check says that needs Codex if Codex does not start. */
export const notChecked = (name: string): CheckResult =>
  warning(name, "not checked, because Codex does not start", "solve the problem of Codex first")

/** The same if Codex does not accept its configuration. It uses its defaults then, which say nothing about this set-up. */
const notConfigured = (name: string): CheckResult =>
  warning(
    name,
    "not checked, because Codex does not accept its configuration",
    "correct the configuration first"
  )

const versionOf = Effect.fnUntraced(function* ({ args, command }: CodexBinary.CodexBinary) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const text = yield* spawner
    .string(
      ChildProcess.make(command, [...args, "--version"], {
        stdin: "ignore",
        env: ChildEnvironment.select(process.env, [], {}),
        extendEnv: false
      })
    )
    .pipe(Effect.orElseSucceed(() => ""))
  return /\d+\.\d+\.\d+\S*/.exec(text)?.[0]
}, Effect.scoped)

/** The binary, its version, and whether it starts. */
export const codex = Effect.fnUntraced(function* (reply: Effect.Effect<AccountReply>) {
  const found = yield* Effect.result(CodexBinary.find(undefined, process.env))
  if (found._tag === "Failure") return fromError("codex", found.failure)
  const version = yield* versionOf(found.success)
  const error = startError(yield* reply)
  if (error !== undefined && !isBadHome(error)) return fromError("codex", error)
  const path = [found.success.command, ...found.success.args].join(" ")
  if (version === undefined)
    return warning("codex", `${path} does not say its version`, "reinstall @openai/codex")
  return CodexBinary.isUntested(version)
    ? warning(
        "codex",
        `codex ${version} at ${path} is newer than the newest tested version ${CodexBinary.newest}`,
        `use @openai/codex ${CodexBinary.newest} if something does not work`
      )
    : ok("codex", `codex ${version} at ${path}`)
})

/** The problem of CODEX_HOME that Codex itself found, if it found one. */
export const home = (reply: AccountReply): CheckResult | undefined => {
  const error = startError(reply)
  return error !== undefined && isBadHome(error) ? fromError("home", error) : undefined
}

const Providers = Schema.Struct({
  config: Schema.Struct({
    model_provider: Schema.NullOr(Schema.String),
    model_providers: Schema.Record(
      Schema.String,
      Schema.Struct({ env_key: Schema.optional(Schema.NullOr(Schema.String)) })
    )
  })
})

const decodeProviders = Schema.decodeUnknownOption(Providers)

export const configuration = (codex: Codex["Service"]) =>
  Effect.result(codex.request("config/read", { cwd: process.cwd(), includeLayers: false }))

export type ConfigurationReply = Effect.Success<ReturnType<typeof configuration>>

/** Whether Codex accepts its configuration in this directory. Its own reason names the file and the line. */
export const config = (reply: ConfigurationReply): CheckResult => {
  if (reply._tag === "Success") return ok("config", "Codex accepts its configuration")
  if (startError(reply) !== undefined) return notChecked("config")
  return {
    ...fromError("config", reply.failure),
    nextStep: "correct config.toml, or the override, at the place that the message names"
  }
}

/** The variable that the configured provider takes its key from. */
const providerKey = (reply: ConfigurationReply) => {
  if (reply._tag === "Failure") return undefined
  const read = Option.getOrUndefined(decodeProviders(reply.success))
  const provider = read?.config.model_provider
  if (read === undefined || provider === null || provider === undefined) return undefined
  const variable = read.config.model_providers[provider]?.env_key
  return variable === null || variable === undefined ? undefined : { provider, variable }
}

/** Whether Codex can identify itself to the provider. Prints no name, address or key. */
export const login = (account: AccountReply, configuration: ConfigurationReply): CheckResult => {
  if (account._tag === "Failure")
    return startError(account) === undefined ? fromError("login", account.failure) : notChecked("login")
  const { account: who, requiresOpenaiAuth } = account.success
  if (who !== null) {
    switch (who.type) {
      case "apiKey":
        return ok("login", "logged in with an API key")
      case "chatgpt":
        return ok("login", `logged in with ChatGPT, plan ${who.planType}`)
      default:
        return ok("login", `logged in with ${who.type}`)
    }
  }
  if (configuration._tag === "Failure") return notConfigured("login")
  if (requiresOpenaiAuth)
    return problem(
      "login",
      "Codex is not logged in",
      "run `codex login`, or pipe an API key to `codex login --with-api-key`"
    )
  const key = providerKey(configuration)
  if (key === undefined) return ok("login", "the provider needs no login")
  const { provider, variable } = key
  return (process.env[variable] ?? "") === ""
    ? problem(
        "login",
        `the provider "${provider}" takes its key from ${variable}, which is not set`,
        `set ${variable}`
      )
    : ok("login", `the provider "${provider}" takes its key from ${variable}, which is set`)
}

/** Whether Codex can run a command in its sandbox. In some containers it cannot. */
export const sandbox = Effect.fnUntraced(function* (
  codex: Codex["Service"],
  configuration: ConfigurationReply
) {
  const name = "sandbox"
  if (configuration._tag === "Failure")
    return startError(configuration) === undefined ? notConfigured(name) : notChecked(name)
  const nextStep =
    "allow user namespaces on this machine or in its container, or run turns with danger-full-access in a place that isolates them"
  const ran = yield* codex.exec([process.execPath, "--version"], { sandbox: "read-only" }).pipe(
    Effect.flatMap((handle) =>
      Effect.all(
        { stderr: Stream.mkString(Stream.decodeText(handle.stderr)), exitCode: handle.exitCode },
        { concurrency: 2 }
      )
    ),
    Effect.scoped,
    Effect.result
  )
  if (ran._tag === "Failure")
    return startError(ran) === undefined ? fromError(name, ran.failure) : notChecked(name)
  const { exitCode, stderr } = ran.success
  return exitCode === 0
    ? ok(name, "a command runs in the sandbox")
    : problem(
        name,
        `a command in the sandbox exits with ${exitCode}: ${stderr.trim().slice(0, 300)}`,
        nextStep
      )
})
