package io.raydp.lifecycle

/** The lifecycle's user-facing texts, in one place: what is wrong, how to correct it, values last. */
object LifecycleMessages {

  def infeasible(fleet: FleetSnapshot, demand: Map[String, Double]): String =
    "No node of the Ray cluster could ever hold one executor, even if it were empty. Ask for fewer cores or less " +
      "memory per executor, or add a larger node (for an autoscaler that needs longer, raise " +
      s"spark.raydp.executor.infeasibleTimeout). Waited ${seconds(fleet.policy.infeasibleTimeout)}; one executor " +
      s"demands ${resources(demand)}; the nodes have ${nodes(fleet.nodes)}"

  def cannotStart(failures: StartFailures): String =
    if (failures.hopeless) s"Executors do not start, and none runs. ${failures.lastReason}"
    else
      s"Executors do not start: ${failures.count} in a row failed and none runs. Correct what the last one says, or " +
        s"raise spark.raydp.executor.maxConsecutiveFailures. ${failures.lastReason}"

  def waitingForResources(pending: Int, demand: Map[String, Double], known: Vector[NodeResources]): String =
    s"Ray has not started the process of $pending executor${plural(pending)} yet: other work uses the cluster's " +
      "resources (`ray status` shows which), or the cluster is still growing. The application goes on with what it " +
      s"has. Each executor demands ${resources(demand)}; the nodes have in all ${nodes(known)}"

  def notRegistered(id: Int, timeout: Long, place: String): String =
    s"Executor $id did not register with the driver within ${seconds(timeout)} (spark.raydp.executor.startTimeout). " +
      s"Its process runs but cannot reach the driver, or is starved. It is on $place"

  def noProcess(id: Int, timeout: Long, room: String): String =
    s"Ray brings up no process for executor $id: $room, and still there was none after ${seconds(timeout)} " +
      "(spark.raydp.executor.startTimeout). Likely the jars are not at the same paths on the cluster's nodes as on " +
      "the driver's, or Java does not start there; raylet.err in Ray's log folder on the nodes has what Java said"

  val roomOnCluster: String = "the cluster has room for it"

  val roomInGroup: String = "its bundle of the placement group is reserved (if something else does not use it)"

  def javaDoesNotStart(java: String, options: String, said: String): String =
    "The executors' JVM does not start with the options that it is given. Correct spark.executor.extraJavaOptions or " +
      s"spark.executor.defaultJavaOptions. Java: $java; options: $options; it said:\n$said"

  def waitsForShuffleService(host: String, memory: Long): String =
    s"it waits for the shuffle service of its host, which Ray has not started: the node needs ${memory >> 20} MiB of " +
      s"memory (spark.raydp.shuffleService.memory) beside its executors. Host: $host"

  def shuffleServiceLost(host: String, reason: String): String =
    s"the shuffle service of its host ended, and the shuffle files there with it. Host: $host; reason: $reason"

  def rddsNeedPort(key: String, port: String): String =
    "To read cached blocks from shuffle services, Spark's driver must know one port for all hosts. Set " +
      s"$port, or leave the other setting out. Setting: $key"

  def unreachable(address: String, reason: String): String =
    "Ray cannot be reached. Check that the cluster runs (`ray status`), that this is its GCS address and that no " +
      s"firewall is between. Address: $address; error: $reason"

  def noAddress: String =
    "The master URL 'ray' means the Ray cluster that this process knows, but none is named. Use ray:HOST:PORT with " +
      "the cluster's GCS address, or set RAY_ADDRESS"

  def rayClient(url: String): String =
    "ray:// is the scheme of Ray Client and not a Spark master. Use 'ray' for the cluster that this process is " +
      s"connected to, or 'ray:HOST:PORT' with the cluster's GCS address (port 6379 by default). Master: $url"

  def malformedMaster(url: String): String =
    s"This Spark master URL is malformed. Use 'ray' or 'ray:HOST:PORT' with a GCS address. Master: $url"

  def appMasterLost(attempts: Int, reason: String): String =
    s"The application's AppMaster ended and could not be started again in $attempts attempts. Look for its log in " +
      s"Ray's log folder on the driver's node. Last error: $reason"

  def nothingToResize: String = "No application on Ray runs in this JVM, so there are no executors to add or to end"

  def malformedRuntimeEnv(reason: String): String =
    "spark.raydp.runtimeEnv must be a JSON object with the fields of Ray's runtime_env, such as " +
      s"""{"env_vars": {"NAME": "value"}}. $reason"""

  def fractional(name: String, amount: Double): String =
    s"Ray takes an amount above 1 of a resource only when it is whole. Resource: $name; amount: $amount"

  def resources(amounts: Map[String, Double]): String =
    amounts.toVector.filter(_._2 > 0).sortBy(_._1).map { case (name, amount) =>
      s"$name ${quantity(name, amount)}"
    }.mkString(", ")

  private def nodes(known: Vector[NodeResources]): String =
    if (known.isEmpty) "nothing (no node is alive)"
    else known.map(node => s"${node.address}: ${resources(node.total.filterNot(isInternal))}").mkString("; ")

  private def isInternal(resource: (String, Double)): Boolean =
    resource._1.startsWith("node:") || resource._1.contains("_group_") || resource._1 == "object_store_memory"

  private def quantity(name: String, amount: Double): String =
    if (name == "memory") f"${amount / (1 << 20)}%.0f MiB"
    else if (amount == math.rint(amount)) f"$amount%.0f"
    else amount.toString

  private def seconds(millis: Long): String =
    if (millis % 1000 == 0) s"${millis / 1000} s" else s"${millis / 1000.0} s"

  private def plural(count: Int): String = if (count == 1) "" else "s"
}
