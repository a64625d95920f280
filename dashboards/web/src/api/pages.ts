// Lists that come in pages: the first page stands for the answer where waiting, trouble and emptiness are shown.
import type { InfiniteData, UseInfiniteQueryResult, UseQueryResult } from "@tanstack/react-query";

/** The same question, answered by its first page. */
export function firstPage<T>(answer: UseInfiniteQueryResult<InfiniteData<T>, Error>): UseQueryResult<T, Error> {
  return { ...answer, data: answer.data?.pages[0] } as unknown as UseQueryResult<T, Error>;
}
