package org.apache.spark

import _root_.io.raydp.collections.LaterMethods

package object raydp extends LaterMethods
