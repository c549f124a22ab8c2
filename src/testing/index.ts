export * as Captured from "./Captured.ts"
export * as ModelServer from "./ModelServer.ts"
export * as Scripted from "../engine/Scripted.ts"
export { TestLayer } from "./TestLayer.ts"
