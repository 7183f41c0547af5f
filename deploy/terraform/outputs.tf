output "url" {
  description = "Where to POST: curl -d hello URL"
  value = (
    local.gateway ? aws_api_gateway_stage.front[0].invoke_url :
    local.balancer ? "${var.certificate_arn == null ? "http" : "https"}://${aws_lb.front[0].dns_name}" :
    trimsuffix(aws_lambda_function_url.front[0].function_url, "/")
  )
}

output "queue_urls" {
  description = "The SQS queues, by name: for other producers (docs/aws.md, \"Foreign producers\")."
  value       = { for name, queue in aws_sqs_queue.queue : name => queue.url }
}

output "dead_letter_urls" {
  description = "Their dead-letter queues."
  value       = { for name, queue in aws_sqs_queue.dead : name => queue.url }
}

output "incoming_bucket" {
  description = "Large bodies, claims, messages of failed jobs."
  value       = aws_s3_bucket.bucket["incoming"].bucket
}

output "outgoing_bucket" {
  description = "Results."
  value       = aws_s3_bucket.bucket["outgoing"].bucket
}

output "functions" {
  description = "Names of the functions."
  value       = local.function_names
}

output "cache_address" {
  description = "Host of the cache; only the VPC reaches it."
  value       = local.cache_address
}

output "vpc_id" {
  description = "The VPC."
  value       = local.vpc_id
}

output "private_subnet_ids" {
  description = "Its private subnets: for a database that workers use."
  value       = local.private_subnets
}

output "worker_security_group_id" {
  description = "Of workers: let your database accept connections from it, and name its port in worker_egress."
  value       = aws_security_group.worker.id
}

output "worker_role_names" {
  description = "Of each queue's workers."
  value       = { for name, role in aws_iam_role.worker : name => role.name }
}

output "gateway_keys" {
  description = "Values of the gateway's keys, for the header x-api-key."
  value       = { for name, key in aws_api_gateway_api_key.caller : name => key.value }
  sensitive   = true
}
