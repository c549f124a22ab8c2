/** A program with Sentry, whose traces go through OpenTelemetry. */
import * as Sentry from "@sentry/node"

Sentry.init({ dsn: process.env["SENTRY_DSN"], tracesSampleRate: 1, enableOpenTelemetrySetup: true })
await import("./turn.mjs")
await Sentry.close(2000)
