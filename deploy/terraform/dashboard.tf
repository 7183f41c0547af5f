locals {
  # metrics: [namespace, name, dimension, value, ...]
  charts = concat(
    local.gateway ? [{
      title = "Requests"
      stat  = "Sum"
      metrics = [
        for name in ["Count", "4XXError", "5XXError"] :
        ["AWS/ApiGateway", name, "ApiName", aws_api_gateway_rest_api.front[0].name, "Stage", var.stage]
      ]
      }, {
      title   = "How long callers wait (ms, 95 of 100)"
      stat    = "p95"
      metrics = [["AWS/ApiGateway", "Latency", "ApiName", aws_api_gateway_rest_api.front[0].name, "Stage", var.stage]]
    }] : [],
    local.front_function ? [{
      title   = "Rescues: results found without a notice"
      stat    = "Sum"
      metrics = [["Bide", "${var.name}-rescues"]]
    }] : [],
    local.balancer ? [{
      title = "Requests"
      stat  = "Sum"
      metrics = [
        for name in ["RequestCount", "HTTPCode_Target_4XX_Count", "HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count"] :
        ["AWS/ApplicationELB", name, "LoadBalancer", aws_lb.front[0].arn_suffix]
      ]
      }, {
      title   = "How long callers wait (s, 95 of 100)"
      stat    = "p95"
      metrics = [["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", aws_lb.front[0].arn_suffix]]
    }] : [],
    [
      {
        title   = "Age of the oldest message (s)"
        stat    = "Maximum"
        metrics = [for queue in aws_sqs_queue.queue : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue.name]]
      },
      {
        title = "Messages that wait, and that are worked on"
        stat  = "Maximum"
        metrics = concat(
          [for queue in aws_sqs_queue.queue : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue.name]],
          [for queue in aws_sqs_queue.queue : ["AWS/SQS", "ApproximateNumberOfMessagesNotVisible", "QueueName", queue.name]],
        )
      },
      {
        title   = "Dead letters"
        stat    = "Maximum"
        metrics = [for queue in aws_sqs_queue.dead : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue.name]]
      },
      {
        title   = "Functions at once"
        stat    = "Maximum"
        metrics = [for function in values(local.function_names) : ["AWS/Lambda", "ConcurrentExecutions", "FunctionName", function]]
      },
      {
        title = "Errors and throttles"
        stat  = "Sum"
        metrics = concat(
          [for function in values(local.function_names) : ["AWS/Lambda", "Errors", "FunctionName", function]],
          [for function in values(local.function_names) : ["AWS/Lambda", "Throttles", "FunctionName", function]],
        )
      },
      {
        title   = "How long functions run (ms, 95 of 100)"
        stat    = "p95"
        metrics = [for function in values(local.function_names) : ["AWS/Lambda", "Duration", "FunctionName", function]]
      },
      var.cache == "serverless" ? {
        title   = "Cache (ECPU)"
        stat    = "Sum"
        metrics = [["AWS/ElastiCache", "ElastiCacheProcessingUnits", "clusterId", local.cache_name]]
        } : {
        title   = "Cache (CPU of its engine, %)"
        stat    = "Maximum"
        metrics = [for index in range(var.cache_nodes.count) : ["AWS/ElastiCache", "EngineCPUUtilization", "CacheClusterId", format("%s-%03d", local.cache_name, index + 1)]]
      },
    ],
  )
}

resource "aws_cloudwatch_dashboard" "bide" {
  count          = var.dashboard ? 1 : 0
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = [
      for index, chart in local.charts : {
        type   = "metric"
        x      = 12 * (index % 2)
        y      = 6 * floor(index / 2)
        width  = 12
        height = 6
        properties = {
          title   = chart.title
          stat    = chart.stat
          metrics = chart.metrics
          region  = var.region
          period  = 60
          view    = "timeSeries"
        }
      }
    ]
  })
}
