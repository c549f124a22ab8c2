/** Certificates for tests of TLS, made by openssl when they are needed. */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { execFileSync } from "node:child_process"

/** Creates a scoped directory with a CA, a server certificate for 127.0.0.1, a client certificate, and a client certificate of an unknown CA. */
export const make = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const directory = yield* files.makeTempDirectoryScoped({ prefix: "effect-codex-certificates-" })
  const path = (name: string) => `${directory}/${name}`
  const openssl = (...args: ReadonlyArray<string>) =>
    execFileSync("openssl", args, { cwd: directory, stdio: "pipe" })
  const ca = (name: string) =>
    openssl(
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-days",
      "2",
      "-subj",
      `/CN=${name}`,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.pem`
    )
  const signed = (name: string, by: string) => {
    openssl(
      "req",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-subj",
      `/CN=${name}`,
      "-addext",
      "subjectAltName=IP:127.0.0.1",
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.csr`
    )
    openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      "-CA",
      `${by}.pem`,
      "-CAkey",
      `${by}.key`,
      "-CAcreateserial",
      "-days",
      "2",
      "-copy_extensions",
      "copy",
      "-out",
      `${name}.pem`
    )
  }
  yield* Effect.sync(() => {
    ca("ca")
    ca("other")
    signed("server", "ca")
    signed("client", "ca")
    signed("stranger", "other")
  })
  const text = (name: string) => Effect.orDie(files.readFileString(path(name)))
  const server = {
    ca: yield* text("ca.pem"),
    cert: yield* text("server.pem"),
    key: yield* text("server.key")
  }
  return { path, server }
})
