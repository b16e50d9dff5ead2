import { defineConfig } from "@playwright/test";

// `npm run e2e` runs the specs, `npm run screenshots` takes the pictures of the guide. Both build weft with the page from
// its source, start it, and send it data: see setup.ts.
export default defineConfig({
  globalSetup: "./setup.ts",
  outputDir: "./results",
  workers: 1,
  fullyParallel: false,
  timeout: 30_000,
  expect: { timeout: 10_000 },
  forbidOnly: !!process.env.CI,
  reporter: process.env.CI ? [["list"]] : [["line"]],
  use: {
    browserName: "chromium",
    viewport: { width: 1280, height: 800 },
    locale: "en-US",
    timezoneId: "Europe/Berlin",
    colorScheme: "light",
    reducedMotion: "reduce",
    trace: "off",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    },
  },
  projects: [
    { name: "specs", testDir: "./specs" },
    { name: "guide", testDir: "./guide" },
  ],
});
