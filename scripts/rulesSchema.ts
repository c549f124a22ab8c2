/** Writes docs/rules.schema.json from the schema that the command line decodes with. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, FileSystem, Schema } from "effect"
import { RulesFile } from "../src/cli/RulesFile.ts"

export const document = () => {
  const { definitions, schema } = Schema.toJsonSchemaDocument(RulesFile, { onExcessProperty: "error" })
  return { $schema: "https://json-schema.org/draft/2020-12/schema", ...schema, $defs: definitions }
}

if (import.meta.main) {
  FileSystem.FileSystem.use((fs) =>
    fs.writeFileString("docs/rules.schema.json", `${JSON.stringify(document(), null, 2)}\n`)
  ).pipe(Effect.provide(NodeFileSystem.layer), NodeRuntime.runMain)
}
