/** Set-ups in which the provider cannot be reached, or refuses. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Net from "node:net"
import * as ModelServer from "../../src/testing/ModelServer.ts"
import { type Failure, type FailureGroup, play, type Setup } from "./Failure.ts"

const baseUrl = (url: string) => `model_providers.mock.base_url = "${url}"`

/** A server that does not speak HTTP. */
const notHttp = Effect.map(
  Effect.acquireRelease(
    Effect.callback<Net.Server>((resume) => {
      const server = Net.createServer((socket) => {
        socket.on("error", () => {})
        socket.end("220 mail.example ESMTP\r\n")
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  ),
  (server) => {
    const address = server.address()
    return `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
  }
)

/** A key that has the form of one of OpenAI. */
const key = ["sk", "proj", "Zm9vYmFyMTIzNDU2Nzg5MGFiY2RlZmdoaWprbG1u"].join("-")

const http = (
  status: number,
  options: Parameters<typeof ModelServer.httpError>[1],
  setup: Setup = {}
): Failure["run"] => play({ script: [ModelServer.httpError(status, options)], ...setup })

export const network: FailureGroup = {
  title: "The way to the provider",
  failures: [
    {
      id: "refused",
      setup: "nothing listens at the provider's address",
      errorType: "TurnTimedOut",
      class: "timeout",
      retryable: false,
      reasons: ["Connection failed: error sending request"],
      run: play({ config: baseUrl("http://127.0.0.1:9/v1"), turn: { timeout: "2 seconds" } })
    },
    {
      id: "dns",
      setup: "the provider's host name does not exist",
      errorType: "TurnTimedOut",
      class: "timeout",
      retryable: false,
      reasons: ["Connection failed: error sending request"],
      run: play({ config: baseUrl("http://provider.invalid/v1"), turn: { timeout: "2 seconds" } })
    },
    {
      id: "not-http",
      setup: "the provider's address does not speak HTTP",
      errorType: "TurnFailed.Disconnected",
      class: "transient",
      retryable: true,
      reasons: ["error sending request"],
      gate: true,
      run: Effect.flatMap(notHttp, (address) =>
        Effect.map(play({ config: baseUrl(`http://${address}/v1`) }), ({ error, names }) => ({
          error,
          names: [...names, [address, "127.0.0.1:PORT"] as const]
        }))
      )
    },
    {
      id: "wrong-path",
      setup: "the path of the provider's URL is wrong",
      errorType: "TurnFailed.BadRequest",
      class: "request",
      retryable: false,
      reasons: ["404", "there is no route"],
      run: http(404, { body: "there is no route" })
    }
  ]
}

export const provider: FailureGroup = {
  title: "Answers of the provider",
  failures: [
    {
      id: "http-400",
      setup: "400: a parameter is wrong",
      errorType: "TurnFailed.BadRequest",
      class: "request",
      retryable: false,
      reasons: ["Unsupported parameter: 'reasoning.effort'"],
      gate: true,
      run: http(400, {
        message: "Unsupported parameter: 'reasoning.effort' is not supported with this model."
      })
    },
    {
      id: "bad-schema",
      setup: "400: the output schema is not supported",
      errorType: "TurnFailed.BadRequest",
      class: "request",
      retryable: false,
      reasons: ["Invalid schema for response_format", "'uniqueItems' is not permitted"],
      run: http(
        400,
        {
          code: "invalid_json_schema",
          type: "invalid_request_error",
          message:
            "Invalid schema for response_format 'codex_output_schema': In context=('properties', 'tags'), 'uniqueItems' is not permitted."
        },
        {
          during: (thread) =>
            thread.run("go", { output: Schema.Struct({ tags: Schema.Array(Schema.String) }) })
        }
      )
    },
    {
      id: "unknown-model",
      setup: "404: the provider does not know the model",
      errorType: "TurnFailed.ModelNotFound",
      class: "config",
      retryable: false,
      reasons: ["The model 'gpt-none' does not exist"],
      run: http(
        404,
        {
          code: "model_not_found",
          message: "The model 'gpt-none' does not exist or you do not have access to it."
        },
        { thread: { model: "gpt-none" } }
      )
    },
    {
      id: "wrong-key",
      setup: "401: the key is wrong",
      errorType: "TurnFailed.Unauthorized",
      class: "auth",
      retryable: false,
      // The provider repeats the key; the message does not.
      reasons: ["Incorrect API key provided: [redacted]"],
      run: http(401, {
        code: "invalid_api_key",
        message: `Incorrect API key provided: ${key}. You can find your API key in your account.`
      })
    },
    {
      id: "http-403",
      setup: "403: the account may not use the provider here",
      errorType: "TurnFailed.Unauthorized",
      class: "auth",
      retryable: false,
      reasons: ["Country, region, or territory not supported"],
      run: http(403, {
        code: "unsupported_country_region_territory",
        message: "Country, region, or territory not supported"
      })
    },
    {
      id: "http-404",
      setup: "404: the provider has no such resource",
      errorType: "TurnFailed.BadRequest",
      class: "request",
      retryable: false,
      reasons: ["Invalid URL (POST /v1/responses)"],
      run: http(404, { message: "Invalid URL (POST /v1/responses)" })
    },
    {
      id: "http-429",
      setup: "429 without `retry-after`",
      errorType: "TurnFailed.RateLimited",
      class: "transient",
      retryable: true,
      // Codex passes on neither the body nor the header.
      reasons: ["exceeded retry limit, last status: 429 Too Many Requests"],
      run: http(429, { message: "Rate limit reached for gpt-5.5 on requests per min" })
    },
    {
      id: "http-429-retry-after",
      setup: "429 with `retry-after: 7`",
      errorType: "TurnFailed.RateLimited",
      class: "transient",
      retryable: true,
      // Codex passes on neither the body nor the header.
      reasons: ["exceeded retry limit, last status: 429 Too Many Requests"],
      run: http(429, {
        message: "Rate limit reached for gpt-5.5 on requests per min",
        headers: { "retry-after": "7" }
      })
    },
    {
      id: "rate-limit-in-stream",
      setup: "`rate_limit_exceeded` in the stream, with a time",
      errorType: "TurnFailed.RateLimited",
      class: "transient",
      retryable: true,
      reasons: ["Please try again in 11s"],
      run: play({
        script: [
          ModelServer.reply(
            ModelServer.failed({
              code: "rate_limit_exceeded",
              message: "Rate limit reached. Please try again in 11s."
            })
          )
        ]
      })
    },
    {
      id: "usage-limit",
      setup: "429: the account's usage limit is reached",
      errorType: "TurnFailed.UsageLimit",
      class: "quota",
      retryable: false,
      reasons: ["hit your usage limit"],
      run: http(429, {
        body: JSON.stringify({
          error: {
            type: "usage_limit_reached",
            plan_type: "plus",
            message: "The usage limit has been reached"
          }
        })
      })
    },
    {
      id: "quota",
      setup: "429: the account has no credit",
      errorType: "TurnFailed.UsageLimit",
      class: "quota",
      retryable: false,
      reasons: ["Quota exceeded"],
      run: http(429, {
        code: "insufficient_quota",
        type: "insufficient_quota",
        message: "You exceeded your current quota, please check your plan and billing details."
      })
    },
    {
      id: "http-500",
      setup: "500: the provider fails",
      errorType: "TurnFailed.ServerError",
      class: "transient",
      retryable: true,
      // Codex replaces the body.
      reasons: ["currently experiencing high demand"],
      run: http(500, { message: "The server had an error while processing your request" })
    },
    {
      id: "http-503",
      setup: "503: the provider is overloaded",
      errorType: "TurnFailed.Overloaded",
      class: "transient",
      retryable: true,
      reasons: ["The engine is currently overloaded"],
      run: http(503, { message: "The engine is currently overloaded, please try again later" })
    },
    {
      id: "context-window",
      setup: "the conversation is longer than the model's context window",
      errorType: "TurnFailed.ContextOverflow",
      class: "request",
      retryable: false,
      reasons: ["ran out of room in the model's context window"],
      run: play({
        script: [
          ModelServer.reply(
            ModelServer.failed({
              code: "context_length_exceeded",
              message: "Your input exceeds the context window of this model."
            })
          )
        ]
      })
    }
  ]
}
