/** What the model replies while a block of the pages runs. */
import * as ModelServer from "../../src/testing/ModelServer.ts"
import * as ReviewReply from "../../test/support/reviewReply.ts"

const { call, reply, shell, text, usage } = ModelServer

const answer = (message: string) => reply(text(message, { deltas: true }), usage({ input: 120, output: 12 }))

/** Fits the schemas of all pages. */
const json = JSON.stringify({ priority: "high", summary: "The build fails." })

const hasSchema = ({ body }: ModelServer.RecordedRequest) =>
  JSON.stringify(body["text"] ?? {}).includes("json_schema")

/** Calls something first, and answers when its result arrives. */
const after =
  (...steps: ReadonlyArray<ModelServer.ModelStep>): ModelServer.Respond =>
  (request, index) =>
    request.toolOutputs.length === 0
      ? reply(...steps, usage({ input: 90, output: 9 }))
      : plain(request, index)

const plain: ModelServer.Respond = (request) => answer(hasSchema(request) ? json : "All is well.")

/** The script of a mark `run="name"`. The mark `run` alone has the empty name. */
export const scripts: Readonly<Record<string, ModelServer.Respond>> = {
  "": plain,
  ticket: after(call("lookup_ticket", { id: "T-42" })),
  /** The first turn does not reach the goal, the second one does. */
  goal: after(call("update_goal", { status: "complete" })),
  review: () => answer(ReviewReply.message),
  command: after(shell("docker ps", { escalate: "look" }))
}
