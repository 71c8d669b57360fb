/** The schema: importing a type's file is what adds it. */
import './fields.ts'
import './user.ts'
import './provider.ts'
import './connect-account.ts'
import './disconnect-account.ts'
import './connection-events.ts'
import './entities.ts'
import { builder } from './builder.ts'

export const schema = builder.toSchema()
