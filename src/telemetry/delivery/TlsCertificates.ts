/** Reads and validates the certificate files of TLS. */
import * as Effect from "effect/Effect"
import { readFile } from "node:fs/promises"
import type * as Settings from "../config/Settings.ts"
import { codeOf } from "../../internal/SystemError.ts"
import * as HomeDirectory from "../../internal/HomeDirectory.ts"

/** The contents of the files, in the form that Node's TLS expects. */
export interface TlsIdentity {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/** Loads the files, or fails with a message that names the invalid file. */
export const load = (files: Settings.Certificates): Effect.Effect<TlsIdentity, string> =>
  Effect.gen(function* () {
    const { ca, certificate, key } = files
    if (certificate !== undefined && key === undefined) {
      return yield* Effect.fail(`The OTLP client certificate ${certificate} has no key beside it`)
    }
    if (key !== undefined && certificate === undefined) {
      return yield* Effect.fail(`The OTLP client key ${key} has no certificate beside it`)
    }
    const identity: TlsIdentity = {
      ...(ca === undefined ? {} : { ca: yield* read(ca) }),
      ...(certificate === undefined ? {} : { cert: yield* read(certificate) }),
      ...(key === undefined ? {} : { key: yield* read(key) })
    }
    if (ca === undefined && certificate === undefined) return identity
    const { createSecureContext } = yield* Effect.promise(() => import("node:tls"))
    // Check one file at a time to find out which one is invalid; the last check finds a key of another certificate.
    const attempts: ReadonlyArray<readonly [TlsIdentity, string]> = [
      [pick(identity, "ca"), `The OTLP CA certificate ${ca} is not valid PEM`],
      [pick(identity, "cert"), `The OTLP client certificate ${certificate} is not valid PEM`],
      [pick(identity, "key"), `The OTLP client key ${key} is not valid PEM`],
      [identity, `The OTLP client key ${key} does not belong to the certificate ${certificate}`]
    ]
    for (const [options, problem] of attempts) {
      yield* Effect.try({ try: () => createSecureContext(options), catch: () => problem })
    }
    return identity
  })

const pick = (identity: TlsIdentity, name: keyof TlsIdentity): TlsIdentity => {
  const value = identity[name]
  return value === undefined ? {} : { [name]: value }
}

const read = (path: string): Effect.Effect<string, string> =>
  Effect.tryPromise({
    try: () => readFile(HomeDirectory.expand(path), "utf8"),
    catch: (error) => `The OTLP certificate file ${path} cannot be read (${codeOf(error) ?? "unknown error"})`
  })
