import { assert, describe, it } from "@effect/vitest"
import * as HostHeader from "../../src/internal/HostHeader.ts"

const accepts = (host: string | undefined, options?: Parameters<typeof HostHeader.accepts>[1]) =>
  HostHeader.accepts({ rawHeaders: host === undefined ? [] : ["Host", host] }, options)

describe("H23 the Host header of a request to a server on loopback", () => {
  it("H23 may be any loopback name, with any port and in any case", () => {
    for (const host of [
      "localhost",
      "LocalHost:9464",
      "localhost.:80",
      "127.0.0.1",
      "127.0.0.1:1",
      "127.1.2.3:9464",
      "[::1]",
      "[::1]:9464",
      "[0:0:0:0:0:0:0:1]:9464",
      "[::ffff:127.0.0.1]"
    ])
      assert.isTrue(accepts(host), host)
  })

  it("H23 may not be missing, repeated, malformed or another name", () => {
    for (const host of [
      undefined,
      "",
      "evil.example",
      "localhost.evil.example",
      "evil.example:9464",
      "127.0.0.1.evil.example",
      "127.0.0.1@evil.example",
      "evil.example#localhost",
      "localhost:9464:80",
      "localhost:port",
      "localhost evil.example",
      "localhost, evil.example",
      "2130706433",
      "0x7f.1",
      "127.1",
      "0.0.0.0",
      "[::]",
      "::1",
      "[::1",
      "[localhost]",
      "192.168.1.5:9464"
    ])
      assert.isFalse(accepts(host), String(host))
    const twice = { rawHeaders: ["Host", "localhost", "host", "evil.example"] }
    assert.isFalse(HostHeader.accepts(twice))
  })

  it("H23 may be a configured name, or any address if the server listens on other interfaces", () => {
    const allowed = ["metrics.example", "10.0.0.1", "fe80::1", "app"]
    for (const host of ["METRICS.example:1", "10.0.0.1:9464", "[fe80::1]:9464", "app:9464", "localhost"])
      assert.isTrue(accepts(host, { allowed }), host)
    for (const host of ["other.example", "10.0.0.2", "metrics.example.evil"])
      assert.isFalse(accepts(host, { allowed }), host)
    assert.isTrue(accepts("10.0.0.2:9464", { anyAddress: true }))
    assert.isTrue(accepts("[fe80::2]", { anyAddress: true }))
    assert.isFalse(accepts("evil.example", { anyAddress: true }))
  })
})
