/** A program with NodeSDK, configured by the environment. */
import { NodeSDK } from "@opentelemetry/sdk-node"

const sdk = new NodeSDK({ serviceName: "shop" })
sdk.start()
await import("./turn.mjs")
await sdk.shutdown()
