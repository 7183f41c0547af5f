# ---- What is made ------------------------------------------------------------------------------

variable "name" {
  description = "Begins the name of all that is made; two deployments in one account and region need two names."
  type        = string
  default     = "bide"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name)) && !strcontains(var.name, "--")
    error_message = "name must have 2 to 20 lower-case letters, digits and single hyphens, and begin with a letter."
  }
}

variable "region" {
  description = "AWS region."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be like eu-central-1."
  }
}

variable "tags" {
  description = "Tags for everything, besides Application and ManagedBy."
  type        = map(string)
  default     = {}
}

variable "architecture" {
  description = "Of the functions and containers: arm64 (a fifth cheaper) or x86_64."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be arm64 or x86_64."
  }
}

variable "package" {
  description = "The zip that `scripts/package lambda ARCHITECTURE` makes. Left out: where it makes it."
  type        = string
  default     = null
}

variable "log_days" {
  description = "How long logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_days)
    error_message = "log_days must be a number of days that CloudWatch knows, like 7, 30, 90 or 365."
  }
}

variable "log_level" {
  description = "Of bide: debug, info, warn or error."
  type        = string
  default     = "info"

  validation {
    condition     = contains(["debug", "info", "warn", "error"], var.log_level)
    error_message = "log_level must be debug, info, warn or error."
  }
}

variable "destroy_data" {
  description = "Whether `terraform destroy` may remove buckets that still hold jobs and results. Without it, it stops there."
  type        = bool
  default     = false
}

# ---- Work --------------------------------------------------------------------------------------

variable "queues" {
  description = <<-EOT
    The kinds of work, by name. Each has a queue, a dead-letter queue and workers of its own.
      exec             the handler, a command: body on stdin, result on stdout. A relative path is
                       relative to the zip; programs of layers are in /opt/bin.
      native           instead of exec, a handler in the program: echo, sleep, or your own.
      content_type     of results that name none themselves
      timeout          seconds for one attempt. Lambda: 870 at most, and the function gets 30 more.
      attempts         runs of the handler in all; SQS gives up after two more receipts, 5 at least
      visibility       seconds until a message of a worker that died comes again; 6 x the function's
                       timeout unless set, not less than that timeout
      retention_days   how long results are kept
      environment      environment variables of the worker; the handler sees them too
      policy           JSON of an IAM policy: what the handler may do in AWS
      worker           "lambda" or "fargate" (for jobs over 14.5 minutes, or with an image of their own)
    Of Lambda workers:
      zip              a zip with bide and the handler (`scripts/package lambda --add DIR`)
      layers           ARNs of layers
      memory, disk     MiB
      batch_size       messages for one invocation, done at once
      batch_window     seconds to wait for more of them; needed for batch_size over 10
      concurrency      invocations at once, 2 to 1000; or
      pollers          provisioned pollers: {minimum, maximum}; they scale faster and cost by the hour
      reserved         concurrency kept aside for this function
    Of Fargate workers:
      image            the image; left out: var.image
      cpu, memory      CPU units (1024 are one processor), MiB
      tasks            {minimum, maximum}
      concurrency      jobs at once in each
  EOT
  type = map(object({
    exec           = optional(list(string))
    native         = optional(string)
    content_type   = optional(string, "application/octet-stream")
    timeout        = optional(number, 300)
    attempts       = optional(number, 3)
    visibility     = optional(number)
    retention_days = optional(number, 1)
    environment    = optional(map(string), {})
    policy         = optional(string)
    worker         = optional(string, "lambda")

    zip          = optional(string)
    layers       = optional(list(string), [])
    memory       = optional(number, 512)
    disk         = optional(number, 512)
    batch_size   = optional(number, 1)
    batch_window = optional(number, 0)
    concurrency  = optional(number)
    pollers      = optional(object({ minimum = number, maximum = number }))
    reserved     = optional(number, -1)

    image = optional(string)
    cpu   = optional(number, 256)
    tasks = optional(object({ minimum = number, maximum = number }), { minimum = 1, maximum = 4 })
  }))
  default = { jobs = { native = "echo" } }

  validation {
    condition     = length(var.queues) > 0 && length(var.queues) <= 12
    error_message = "There must be 1 to 12 queues: the front's configuration is an environment variable, and a function has room for 4 KB of these."
  }
  validation {
    condition     = alltrue([for name, queue in var.queues : can(regex("^[a-z0-9][a-z0-9-]{0,29}$", name))])
    error_message = "A queue's name must have 1 to 30 lower-case letters, digits and hyphens, and begin with no hyphen."
  }
  validation {
    condition     = alltrue([for queue in values(var.queues) : (queue.exec == null) != (queue.native == null)])
    error_message = "A queue must have one of exec and native."
  }
  validation {
    condition     = alltrue([for queue in values(var.queues) : contains(["lambda", "fargate"], queue.worker)])
    error_message = "worker of a queue must be lambda or fargate."
  }
  validation {
    condition = alltrue([
      for queue in values(var.queues) : queue.timeout >= 1 && queue.timeout <= (queue.worker == "lambda" ? 870 : 39600)
    ])
    error_message = "timeout of a queue must be 1 to 870 s (a function lives 900 s, and bide needs 30 of them); longer jobs need worker = \"fargate\"."
  }
  validation {
    condition = alltrue([
      for queue in values(var.queues) : queue.visibility == null ? true : queue.visibility >= queue.timeout + 30 && queue.visibility <= 43200
    ])
    error_message = "visibility of a queue must be its timeout + 30 s or more, and 12 hours at most."
  }
  validation {
    condition     = alltrue([for queue in values(var.queues) : queue.attempts >= 1 && queue.attempts <= 998])
    error_message = "attempts of a queue must be 1 to 998."
  }
  validation {
    condition     = alltrue([for queue in values(var.queues) : queue.concurrency == null || queue.pollers == null])
    error_message = "A queue can have concurrency or pollers, not both: Lambda takes one of them."
  }
  validation {
    condition = alltrue([
      for queue in values(var.queues) : queue.concurrency == null ? true : queue.concurrency >= (queue.worker == "lambda" ? 2 : 1) && queue.concurrency <= 1000
    ])
    error_message = "concurrency of a queue must be 2 to 1000 (Fargate: 1 to 1000)."
  }
  validation {
    condition = alltrue([
      for queue in values(var.queues) : queue.pollers == null ? true :
      queue.pollers.minimum >= 2 && queue.pollers.minimum <= 200 && queue.pollers.maximum >= queue.pollers.minimum && queue.pollers.maximum <= 2000
    ])
    error_message = "pollers of a queue: minimum must be 2 to 200, maximum not less and 2000 at most."
  }
  validation {
    condition = alltrue([
      for queue in values(var.queues) : queue.batch_size >= 1 && queue.batch_size <= 10000 && queue.batch_window >= 0 && queue.batch_window <= 300 && (queue.batch_size <= 10 || queue.batch_window >= 1)
    ])
    error_message = "batch_size of a queue must be 1 to 10000, batch_window 0 to 300 s, and a batch_size over 10 needs a batch_window."
  }
  validation {
    condition     = alltrue([for queue in values(var.queues) : queue.memory >= 128 && queue.disk >= 512 && queue.disk <= 10240])
    error_message = "memory of a queue must be 128 MiB or more, disk 512 to 10240 MiB."
  }
  validation {
    condition     = alltrue([for queue in values(var.queues) : queue.retention_days >= 1 && queue.retention_days == floor(queue.retention_days)])
    error_message = "retention_days of a queue must be whole days, 1 or more: lifecycle rules of S3 know no less."
  }
}

variable "default_queue" {
  description = "Where `POST /` goes. Left out: the only queue, and none where there are several."
  type        = string
  default     = null

  validation {
    condition     = var.default_queue == null || contains(keys(var.queues), coalesce(var.default_queue, "-"))
    error_message = "default_queue must be the name of one of the queues."
  }
}

variable "inline_max" {
  description = "Bodies up to so many bytes travel in the message, larger ones over S3. SQS bills each 64 KiB as a call."
  type        = number
  default     = 196608

  validation {
    condition     = var.inline_max >= 0 && var.inline_max <= 1000000
    error_message = "inline_max must be 0 to 1000000 bytes."
  }
}
