/** Changes that were made by dialogs and lists, as steps of the host's undo. */

/** @typedef {import('../types/comfy').ComfyApp} ComfyApp */

/** @param {ComfyApp} app */
export function markStep(app) {
  app.extensionManager.workflow.activeWorkflow?.changeTracker?.captureCanvasState()
}

/**
 * The same, once the host has measured a node that grew: its new size belongs to the step.
 *
 * @param {ComfyApp} app
 */
export function markStepSoon(app) {
  requestAnimationFrame(() => requestAnimationFrame(() => markStep(app)))
}
