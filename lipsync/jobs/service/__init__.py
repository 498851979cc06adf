"""`lipsync serve`: the renderer behind HTTP, in the shape of sync.so's API (docs/serve.md).

```
request → gate → routes → queue → dispatcher → a process that renders ─┐
                            ↑                                          ↓
                         clients ← webhooks ← outbox ←─────────── its end
```

options            the options of the service
server             running it until a signal stops it; start reading here
service            its parts together, and what clients can have it do
app                all routes together, and the errors of all of them in one form
generation_routes  routes of generations and their outputs
asset_routes       routes of assets
batch_routes       routes of batches
routes             what all routes need
page               a page for people, beside the API
gate               around every request: limits, faults, log, figures
door               who comes in: keys, rates, browsers
http_protocol      HTTP/1.1 of uvicorn, with a deadline for the head of every request
request_reading    what clients send: JSON, or forms with files in them
upload_stream      a body that is a file, written while it arrives
schema             what clients say and are told, in the API's names
client_options     options of the renderer that a request may set
translation        a request in the API's terms, as a job of the renderer
preparation        from a generation to a job: files are fetched, found and looked at
dispatcher         takes generations from the queue and has them made
database           the service's memory, in one SQLite file
generations        the queue: generations from PENDING to their end
batches            many requests in one file
assets             files that clients gave to the service
outbox             messages that wait to be delivered
webhooks           sends them, signed
views              generations and assets, as clients are told of them
signatures         secrets, signed messages and links
keys               API keys
rates              how often one client may ask
addresses          which addresses the service may connect to
downloads          fetching a client's file from its URL
file_kinds         what a file is, by its first bytes
places             files of this machine that clients may name
look_process       the process that looks at clients' files, as the service sees it
look_worker        the process that looks at clients' files
metrics            what Prometheus reads
event_log          one line of JSON per event
refusal            why a request is not done
"""
