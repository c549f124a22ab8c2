import { assert, describe, it } from "@effect/vitest"
import * as CommandEnvironment from "../../../src/engine/app-server/CommandEnvironment.ts"

const excluded = (...configurations: ReadonlyArray<string>) =>
  CommandEnvironment.overrides(
    { HTTPS_PROXY: "http://ada:secret@proxy:80", HTTP_PROXY: "http://proxy:80" },
    configurations
  ).join()

describe("The variables that are hidden from commands", () => {
  it("H17 holds the credentials of Codex, of the provider, and of proxies with a password", () => {
    const hidden = excluded(
      `[model_providers.a]\nenv_key = "SHOP_KEY"\nenv_http_headers = { "x-key" = "SHOP_HEADER" }\n`,
      "model_providers.b.env_key=OTHER_KEY"
    )
    for (const name of [
      "OPENAI_*KEY*",
      "CODEX_*KEY*",
      "OPENAI_*SECRET*",
      "CODEX_*PASS*",
      "AZURE_*",
      "SHOP_KEY",
      "SHOP_HEADER",
      "OTHER_KEY",
      "HTTPS_PROXY"
    ]) {
      assert.include(hidden, JSON.stringify(name))
    }
    assert.notInclude(hidden, '"HTTP_PROXY"')
  })

  it("H17 holds every inherited address with a password, also that of a proxy without a scheme", () => {
    const hidden = CommandEnvironment.overrides(
      {
        http_proxy: "ada:secret@proxy:80",
        ALL_PROXY: "socks5://ada:a/b@proxy:80",
        OPENAI_BASE_URL: "https://ada:secret@models.example/v1",
        CODEX_HOME: "/home/ada@example",
        OPENAI_ORGANIZATION: "org",
        DATABASE_URL: "postgres://ada:secret@db/shop"
      },
      []
    ).join()
    for (const name of ["http_proxy", "ALL_PROXY", "OPENAI_BASE_URL"])
      assert.include(hidden, JSON.stringify(name))
    // The caller gives other variables to Codex for its commands.
    for (const name of ["CODEX_HOME", "OPENAI_ORGANIZATION", "DATABASE_URL"])
      assert.notInclude(hidden, JSON.stringify(name))
  })

  it("H13 holds the variables of this library in addition to what the configuration excludes", () => {
    const hiding = (...configurations: ReadonlyArray<string>) =>
      CommandEnvironment.hiding(["OURS"], configurations)
    assert.deepStrictEqual(hiding(), ['shell_environment_policy.exclude=["OURS"]'])
    assert.deepStrictEqual(hiding(`[shell_environment_policy]\nexclude = ["A"]`, `model="m"`), [
      'shell_environment_policy.exclude=["A","OURS"]'
    ])
    assert.deepStrictEqual(CommandEnvironment.hiding([], ["a=1"]), [])
  })

  it("H17 is left to a configuration that has its own exclusions", () => {
    assert.strictEqual(excluded("shell_environment_policy.exclude=[]"), "")
    assert.strictEqual(excluded(`[shell_environment_policy]\ninclude_only = ["PATH"]\n`), "")
    assert.notStrictEqual(excluded(`[shell_environment_policy]\ninherit = "all"\n`), "")
  })
})
