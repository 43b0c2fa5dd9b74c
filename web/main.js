/** The only module that imports the host; everything else is handed what it needs. */

import { api } from '../../scripts/api.js'
import { app } from '../../scripts/app.js'
import { install } from './extension.js'

install(app, api)
