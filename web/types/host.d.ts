/** The host's own scripts, which exist only in a running ComfyUI. */

declare module '*/scripts/app.js' {
  export const app: import('./comfy').ComfyApp
}

declare module '*/scripts/api.js' {
  export const api: import('./comfy').ComfyApi
}

interface Window {
  LiteGraph: { createNode(type: string): import('./comfy').Node | null }
  comfyAPI?: {
    widgetInputs?: {
      setWidgetConfig?(slot: import('./comfy').InputSlot, config: unknown[]): void
    }
  }
}
