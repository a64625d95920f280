// Starts the app: theme, questions to the server, and the pages by address.
import { MantineProvider, createTheme } from "@mantine/core";
import "@mantine/core/styles.css";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Problem } from "./api/client";
import "./base/look.css";
import { fetchPages, makeRouter } from "./router";

const theme = createTheme({
  primaryColor: "cyan",
  defaultRadius: 6,
  cursorType: "pointer",
  respectReducedMotion: true,
});

/** Troubles that pass: asked twice more before they are shown. */
const passes = (error: Error): boolean => error instanceof Problem && (error.trouble === "busy" || error.trouble === "unreachable");

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      gcTime: 5 * 60_000,
      refetchOnWindowFocus: false,
      networkMode: "always",
      retry: (failures, error) => failures < 2 && passes(error),
      retryDelay: (attempt) => 500 * 2 ** attempt,
    },
    mutations: { networkMode: "always" },
  },
});

/** The first page has drawn and asked by then. */
const FETCH_AFTER_MS = 1_500;

const place = document.getElementById("app");
if (place) {
  createRoot(place).render(
    <StrictMode>
      {/* Colours and sizes are in look.css: the policy of the page allows no style that is written at run time. */}
      <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
        <QueryClientProvider client={client}>
          <RouterProvider router={makeRouter()} />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
  // What the first page asks for goes first.
  window.addEventListener("load", () => setTimeout(fetchPages, FETCH_AFTER_MS));
}
