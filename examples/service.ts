/**
 * A service: the users of an app run Codex over HTTP, each in a directory of their own.
 *
 * SERVICE_TOKENS="ada:secret,bob:secret2" node examples/service.ts
 * curl -H "authorization: Bearer secret" -d '{}' http://127.0.0.1:3000/api/threads
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Config, Effect, FileSystem, Layer, Path, Redacted } from "effect"
import { AppServer, Approval, Codex, Conversations, OtlpLayer } from "effect-codex"
import {
  Authentication,
  Authorization,
  CodexGroup,
  forbidden,
  handlers,
  RequestBoundary,
  ThreadOwners
} from "effect-codex/http"
import { HttpRouter } from "effect/http"
import { HttpApi, HttpApiBuilder } from "effect/http-api"
import { KeyValueStore } from "effect/persistence"
import { createHash } from "node:crypto"
import { createServer } from "node:http"

/** The app's API: the group of the library, and any groups of the app's own. */
const Api = HttpApi.make("agents").add(CodexGroup.prefix("/api"))

const Root = Config.String("SERVICE_ROOT").pipe(Config.withDefault("/var/tmp/effect-codex-service"))

// The lookup by a hash takes the same time for every token.
const digest = (token: string) => createHash("sha256").update(token).digest("hex")

const Users = Layer.unwrap(
  Effect.gen(function* () {
    const tokens = yield* Config.Redacted("SERVICE_TOKENS")
    const users = new Map<string, { readonly id: string }>()
    for (const entry of Redacted.value(tokens).split(",")) {
      // A name is also a directory. A user without a token would be everybody.
      const [, id, token] = /^([\w-]+):(.+)$/.exec(entry) ?? []
      if (id === undefined || token === undefined)
        return yield* Effect.die(new Error("SERVICE_TOKENS must have the form name:token,name:token"))
      users.set(digest(token), { id })
    }
    return Authentication.layerBearer((token) => Effect.sync(() => users.get(digest(Redacted.value(token)))))
  })
)

const Rights = Layer.unwrap(
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const root = yield* Root
    return Authorization.layer({
      authorize: (user, action) =>
        user.id === "guest" && action !== "list" && action !== "read"
          ? Effect.fail(forbidden("guests can only read"))
          : Effect.void,
      threadOptions: Effect.fn("threadOptions")(function* (user, open) {
        const cwd = path.join(root, "projects", user.id)
        yield* Effect.orDie(fs.makeDirectory(cwd, { recursive: true, mode: 0o700 }))
        const instructions = open._tag === "Start" ? open.request.instructions : undefined
        return { cwd, instructions, sandbox: "workspace-write", approvalMode: "on-request" }
      }),
      turnOptions: () => Effect.succeed({ timeout: "10 minutes", budget: { tokens: 500_000 } })
    })
  })
)

/** Survives a restart. The agents cannot write it, because it is not below their directories. */
const Owners = Layer.unwrap(
  Effect.map(Root, (root) =>
    ThreadOwners.layerStore.pipe(Layer.provide(KeyValueStore.layerFileSystem(`${root}/owners`)))
  )
)

const Routes = HttpApiBuilder.layer(Api, { openapiPath: "/openapi.json" }).pipe(
  Layer.provide(HttpApiBuilder.group(Api, "codex", handlers)),
  Layer.provide([Users, Rights, RequestBoundary.layer])
)

const Server = Layer.unwrap(
  Effect.map(Config.Int("PORT").pipe(Config.withDefault(3000)), (port) =>
    NodeHttpServer.layer(createServer, { host: "127.0.0.1", port, gracefulShutdownTimeout: "1 second" })
  )
)

// A request without an answer after five minutes is declined.
const Approvals = Approval.layer(Approval.timeout(Approval.queue, "5 minutes"))

const Main = Conversations.layerShutdown.pipe(
  Layer.provideMerge(HttpRouter.serve(Routes)),
  Layer.provideMerge(Server),
  Layer.provideMerge(Owners),
  Layer.provideMerge(
    Conversations.layerOptions({ maxPerOwner: 5, idleTimeout: "10 minutes", shutdownTimeout: "2 seconds" })
  ),
  Layer.provideMerge(Codex.layer),
  Layer.provideMerge(Approvals),
  Layer.provideMerge(Approval.ApprovalQueue.layer),
  Layer.provideMerge(AppServer.layer),
  Layer.provideMerge(OtlpLayer),
  Layer.provideMerge(NodeServices.layer)
)

// SIGTERM interrupts it: the layers close in reverse order, and nothing is left running.
Layer.launch(Main).pipe(NodeRuntime.runMain)
