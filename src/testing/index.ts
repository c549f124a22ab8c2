export * as ModelServer from "./ModelServer.ts"
export * as Scripted from "../engine/Scripted.ts"
