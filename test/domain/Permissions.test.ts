import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as ApprovalRequestHash from "../../src/domain/ApprovalRequestHash.ts"
import * as Approval from "../../src/Approval.ts"
import * as Permissions from "../../src/domain/Permissions.ts"
import { canonicalJson } from "../../src/internal/CanonicalJson.ts"
import * as R from "../approval/requests.ts"

const names = ["a", "b", "c"]
const Path = Schema.Array(Schema.Literals(["a", "b", "..", "."])).check(Schema.isMaxLength(4))
const Entry = Schema.Struct({ access: Permissions.Access, at: Path })
const Profile = Schema.Struct({
  network: Schema.Boolean,
  entries: Schema.Array(Entry).check(Schema.isMaxLength(4))
})

const permissions = (profile: typeof Profile.Type): Approval.Permissions => ({
  network: profile.network,
  fileSystem: profile.entries.map(({ access, at }) => Permissions.path(access, `/${at.join("/")}`))
})

/** Where a path leads, spelled out: without the code under test. */
const real = (path: string): string => {
  const out: Array<string> = []
  for (const part of path.split("/")) {
    if (part === "..") out.pop()
    else if (part !== "" && part !== ".") out.push(part)
  }
  return `/${out.join("/")}`
}

/** Whether permissions allow that access to a path. */
const allows = (permissions: Approval.Permissions, access: "read" | "write", path: string): boolean => {
  const covering = permissions.fileSystem.filter((entry) => {
    const folder = entry.place._tag === "Path" ? real(entry.place.path) : "?"
    return folder === "/" || path === folder || path.startsWith(`${folder}/`)
  })
  return (
    covering.every((entry) => entry.access !== "deny") &&
    covering.some((entry) => entry.access === "write" || entry.access === access)
  )
}

const places = [
  "/",
  ...names.flatMap((x) => [`/${x}`, ...names.flatMap((y) => [`/${x}/${y}`, `/${x}/${y}/c`])])
]

describe("the granted permissions", () => {
  it.prop("are never more than requested or granted", [Profile, Profile], ([a, g]) => {
    const [asked, granted] = [permissions(a), permissions(g)]
    const both = Approval.intersect(asked, granted)
    assert.isTrue(!both.network || (asked.network && granted.network))
    for (const path of places) {
      for (const access of ["read", "write"] as const) {
        if (!allows(both, access, path)) continue
        assert.isTrue(allows(asked, access, path), `${access} ${path} was not asked for`)
        assert.isTrue(allows(granted, access, path), `${access} ${path} was not granted`)
      }
    }
  })

  it.prop("are all requested permissions if all are granted", [Profile], ([a]) => {
    const asked = permissions(a)
    const both = Approval.intersect(asked, asked)
    for (const path of places) {
      for (const access of ["read", "write"] as const)
        assert.strictEqual(allows(both, access, path), allows(asked, access, path), `${access} ${path}`)
    }
  })

  it("include globs and special places only if they are identical", () => {
    const glob = { access: "write", place: { _tag: "Glob", pattern: "/a/*" } } as const
    const root = { access: "read", place: { _tag: "Special", value: { kind: "root" } } } as const
    const rootAgain = { access: "write", place: { _tag: "Special", value: { kind: "root" } } } as const
    const asked = { network: false, fileSystem: [glob, root], globDepth: 2 }
    assert.deepStrictEqual(
      Approval.intersect(asked, {
        network: true,
        fileSystem: [Permissions.path("write", "/a/b"), glob, rootAgain]
      }),
      { network: false, fileSystem: [glob, root], globDepth: 2 }
    )
  })

  it("include nothing outside a path, whatever it looks like", () => {
    const asked = { network: false, fileSystem: [Permissions.path("write", "/srv")] }
    for (const path of ["/", "/srvs", "/srv/../etc", "srv", "", "../srv", "/etc"]) {
      const { fileSystem } = Approval.intersect(asked, {
        network: true,
        fileSystem: [Permissions.path("write", path)]
      })
      const expected = path === "/" ? [Permissions.path("write", "/srv")] : []
      assert.deepStrictEqual(fileSystem, expected, path)
    }
  })
})

describe("a path in a directory", () => {
  it("is compared without its dots", () => {
    assert.isFalse(Permissions.isWithin("/srv/a/../b", "/srv/a"))
    assert.isTrue(Permissions.isWithin("/srv/b/../a/x", "/srv/./a"))
  })
})

describe("the hash of a request", () => {
  const shuffle = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(shuffle)
    if (typeof value !== "object" || value === null) return value
    return Object.fromEntries(
      Object.entries(value)
        .toReversed()
        .map(([key, field]) => [key, shuffle(field)])
    )
  }

  it.prop("does not depend on the order of keys", [Schema.Json], ([args]) => {
    const again = JSON.parse(JSON.stringify(shuffle(args)))
    assert.strictEqual(
      ApprovalRequestHash.hash(R.tool("x", args)),
      ApprovalRequestHash.hash(R.tool("x", again))
    )
  })

  it.prop("differs for other arguments", [Schema.Json, Schema.Json], ([a, b]) => {
    const same = JSON.stringify(a) === JSON.stringify(b) || canonicalJson(a) === canonicalJson(b)
    assert.strictEqual(
      ApprovalRequestHash.hash(R.tool("x", a)) === ApprovalRequestHash.hash(R.tool("x", b)),
      same
    )
  })

  it("covers the content of the request and nothing else", () => {
    const request = R.command("ls")
    const hash = ApprovalRequestHash.hash(request)
    assert.match(hash, /^[0-9a-f]{64}$/)
    assert.strictEqual(ApprovalRequestHash.hash({ ...request, id: "other", reason: "because" }), hash)
    for (const other of [
      R.command("ls "),
      R.command("ls", { cwd: "/" }),
      // Only the directory that Codex gives differs, not where it leads.
      { ...request, cwd: "/" },
      R.command("ls", { extra: true }),
      R.command("ls", { wants: { as: "writeStdin" } })
    ])
      assert.notStrictEqual(ApprovalRequestHash.hash(other), hash)
    assert.lengthOf(new Set(R.all.map(ApprovalRequestHash.hash)), R.all.length)
    assert.notStrictEqual(
      ApprovalRequestHash.hash(R.tool("x", { a: 1, b: [2] })),
      ApprovalRequestHash.hash(R.tool("x", { a: 1, b: ["2"] }))
    )
    assert.notStrictEqual(
      ApprovalRequestHash.hash(R.tool("x", [["a"], []])),
      ApprovalRequestHash.hash(R.tool("x", [[], ["a"]]))
    )
  })
})
