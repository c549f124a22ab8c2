/**
 * A typedoc plugin that shows what a user of an Effect class meets: the methods of a service instead of its type
 * parameter, and the fields of a schema class without the expression that they come from.
 */
import { Converter, ReflectionKind } from "typedoc"

const isService = (type) => type?.type === "reference" && type.name === "Shape"

const simplify = (project) => {
  for (const reflection of project.getReflectionsByKind(ReflectionKind.Class)) {
    const [parent] = reflection.extendedTypes ?? []
    const shape = isService(parent) ? parent.typeArguments?.[1] : undefined
    if (shape?.type === "reflection") {
      for (const member of shape.declaration.children ?? []) {
        member.parent = reflection
        reflection.addChild(member)
      }
    }
    delete reflection.extendedTypes
    for (const member of reflection.getChildrenByKind(ReflectionKind.Constructor)) {
      project.removeReflection(member)
    }
    for (const member of reflection.children ?? []) {
      delete member.inheritedFrom
      delete member.overwrites
      delete member.defaultValue
      for (const signature of [...(member.signatures ?? []), member.getSignature, member.setSignature]) {
        if (signature === undefined) continue
        delete signature.inheritedFrom
        delete signature.overwrites
      }
    }
  }
}

export const load = (app) => {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, (context) => simplify(context.project), 1000)
  app.converter.on(Converter.EVENT_RESOLVE_END, (context) => simplify(context.project), -1000)
}
