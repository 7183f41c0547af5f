# The demo: text in, speech out. The zip: scripts/package lambda arm64 --add DIR, where DIR has the
# program speak for arm64. What callers get is what it prints.
region = "eu-central-1"

queues = {
  speak = {
    exec         = ["./speak"]
    zip          = "../../build/lambda/speak.zip"
    content_type = "audio/wav"
    timeout      = 60
    memory       = 1024
    concurrency  = 50
  }
}

# Only who has a key; `bide key` makes one.
anonymous = false
api_keys = {
  alice = { hash = "sha256:0000000000000000000000000000000000000000000000000000000000000000" }
}
