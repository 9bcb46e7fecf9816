// Customers as loops, the same in Node and in a browser.
import type { MessageInitShape } from "@bufbuild/protobuf";

import type {
  Customer,
  ListCustomersRequestSchema,
  ListCustomersResponse,
  StreamCustomersRequestSchema,
  StreamCustomersResponse,
} from "../../gen/openfinance/v1/customer_pb.js";
import { mayRepeat, refusalOf } from "./errors.js";
import { pause } from "./repeat.js";

type ListRequest = MessageInitShape<typeof ListCustomersRequestSchema>;
type StreamRequest = MessageInitShape<typeof StreamCustomersRequestSchema>;
type Options = { timeoutMs?: number; signal?: AbortSignal };

/** Two methods of a client of `CustomerService`, be it of grpc-js or of Connect. */
export interface Customers {
  listCustomers(request: ListRequest, options?: Options): Promise<ListCustomersResponse>;
  streamCustomers(
    request: StreamRequest,
    options?: Options,
  ): AsyncIterable<StreamCustomersResponse>;
}

/** How often in a row a stream may break without having brought anything. */
const MOST_BREAKS = 5;

/** Lists the customers that `request` asks for, page after page. The options are those of each page. */
// ANCHOR: paging
export async function* listed(
  customers: Customers,
  request: ListRequest,
  options?: Options,
): AsyncGenerator<Customer> {
  let pageToken = "";
  do {
    const page = await customers.listCustomers({ ...request, pageToken }, options);
    yield* page.customers;
    pageToken = page.nextPageToken;
  } while (pageToken);
}
// ANCHOR_END: paging

/** Streams the customers that `request` asks for, however many there are. A stream that breaks is taken up where it broke. */
// ANCHOR: streaming
export async function* streamed(
  customers: Customers,
  request: StreamRequest,
  options?: Options,
): AsyncGenerator<Customer> {
  let resumeToken = "";
  for (let breaks = 0; ; breaks++) {
    try {
      for await (const page of customers.streamCustomers({ ...request, resumeToken }, options)) {
        yield* page.customers;
        [resumeToken, breaks] = [page.resumeToken, 0];
        if (!resumeToken) return;
      }
      return;
    } catch (error) {
      const refusal = refusalOf(error);
      const again = breaks < MOST_BREAKS && mayRepeat(refusal);
      if (!again || !(await pause(refusal, breaks, options?.signal))) throw error;
    }
  }
}
// ANCHOR_END: streaming
