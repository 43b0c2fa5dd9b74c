/** Changes that were made by dialogs, as steps of the host's undo. */

/** @param {import('../types/comfy').ComfyApp} app */
export function markStep(app) {
  app.extensionManager.workflow.activeWorkflow?.changeTracker?.captureCanvasState()
}
