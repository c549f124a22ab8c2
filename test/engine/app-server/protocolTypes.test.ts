import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as CodexFiles from "../../../scripts/protocol/CodexFiles.ts"
import * as Messages from "../../../scripts/protocol/Messages.ts"
import * as TypeText from "../../../scripts/protocol/TypeText.ts"
import * as Protocol from "../../../scripts/protocol.ts"

const declarations = (files: Readonly<Record<string, string>>): ReadonlyMap<string, CodexFiles.Declaration> =>
  new Map(
    Object.entries(files).flatMap(([path, text]) => {
      const declaration = CodexFiles.readDeclaration(path, text)
      return declaration === undefined ? [] : [[path, declaration]]
    })
  )

const message = (method: string, params: string) =>
  `import type { RequestId } from "./RequestId";\nimport type { ${params} } from "./v2/${params}";\nexport type`.concat(
    ` List = { "method": "${method}", id: RequestId, params: ${params}, };\n`
  )

const small = {
  RequestId: "export type RequestId = string | number;\n",
  ClientRequest: message("a/do", "DoParams"),
  ServerRequest: message("a/ask", "AskParams"),
  ServerNotification: message("a/done", "DoneNotification"),
  "v2/DoParams": 'export type DoParams = { /** A comment; with } and " */ big?: bigint, };\n',
  "v2/DoResponse": 'import type { State } from "../State";\nexport type DoResponse = { state: State, };\n',
  "v2/AskParams": "export type AskParams = Record<string, never>;\n",
  "v2/AskResponse": "export type AskResponse = { answers: Array<string>, };\n",
  "v2/DoneNotification":
    'import type { State } from "./State";\nexport type DoneNotification = { state: State, };\n',
  "v2/State": 'export type State = "on" | "off";\n',
  State: 'export type State = { "other": number | null | null, };\n',
  Unused: "export type Unused = string;\n"
}

describe("the types of the protocol", () => {
  it(
    "are those of the installed Codex",
    () => assert.deepStrictEqual(Protocol.stale(Protocol.generate()), [], "npm run protocol"),
    30_000
  )

  it("contain what messages need, each under one name, without comments", () => {
    const { "Methods.ts": methods, "Types.ts": types } = Protocol.generate(declarations(small))
    assert.deepStrictEqual(types.split("\n").slice(1), [
      "export type AskParams = Record<string, never>",
      "export type AskResponse = { readonly answers: ReadonlyArray<string> }",
      "export type CoreState = { readonly other: number | null }",
      "export type DoParams = { readonly big?: number | undefined }",
      "export type DoResponse = { readonly state: CoreState }",
      "export type DoneNotification = { readonly state: State }",
      "export type RequestId = string | number",
      'export type State = "on" | "off"',
      ""
    ])
    assert.include(methods, '"a/do": { readonly params: Types.DoParams; readonly result: Types.DoResponse }')
    assert.include(methods, '"a/done": Types.DoneNotification')
  })

  it("are refused when a reply belongs to no request, or a request has no known reply", () => {
    const extra = { ...small, "v2/OtherResponse": "export type OtherResponse = string;\n" }
    assert.throws(
      () => Protocol.generate(declarations(extra)),
      /no request has a reply of the type OtherResponse/
    )
    const { "v2/DoResponse": _, ...missing } = small
    assert.throws(() => Protocol.generate(declarations(missing)), /no type is known for the reply to a\/do/)
    assert.throws(() => Messages.find(new Map()), /Codex has no ClientRequest/)
  })
})

describe("the reader of types", () => {
  it("refuses syntax that it does not know", () => {
    for (const text of ["", "{", "A |", "A B", "() => void", "keyof A", "A extends B ? C : D", "`text`"])
      assert.throws(() => TypeText.parse(text), /cannot read/, text)
  })

  const name = Schema.Struct({
    kind: Schema.Literal("name"),
    name: Schema.Literals(["A", "Other_1", "string", "unknown", "$ref"]),
    args: Schema.Tuple([])
  })
  const literal = Schema.Struct({
    kind: Schema.Literal("literal"),
    text: Schema.Literals(['"a } /* b"', "1", "null"])
  })

  /** Types of at most that many levels. */
  const typeOf = (depth: number): Schema.Codec<TypeText.TypeNode> => {
    if (depth === 0) return Schema.Union([name, literal])
    const type = typeOf(depth - 1)
    // A type is written without its repeated members, and a union of one member without parentheses.
    const members = Schema.Tuple([type, type]).check(
      Schema.makeFilter(([a, b]) => TypeText.write(a) !== TypeText.write(b))
    )
    const field = Schema.Struct({ name: Schema.String, optional: Schema.Boolean, type })
    return Schema.Union([
      name,
      literal,
      Schema.Struct({ kind: Schema.Literals(["union", "intersection", "tuple"]), members }),
      Schema.Struct({ kind: Schema.Literal("map"), value: type }),
      Schema.Struct({ kind: Schema.Literal("object"), fields: Schema.Tuple([field, field]) })
    ])
  }

  it.prop("reads what it writes", [typeOf(3)], ([type]) => {
    const text = TypeText.write(type)
    assert.strictEqual(TypeText.write(TypeText.parse(text)), text)
  })
})
